// `godwit watch`: a migration that a person started with plain QMP, looked at from its source by
// somebody who may change nothing.

#include <fmt/format.h>

#include <csignal>
#include <sstream>

#include "cases.h"
#include "out_of_band.h"

namespace godwit::e2e {
namespace {

class Watching : public Cases {
 protected:
  /// What a person does who knows QMP: 1.5 MB/s for as long as it may not end, 20 MB/s else.
  void a_person_starts_it(std::int64_t bytes_per_s) {
    (void)pair().ask(Side::kSource, "migrate-set-parameters",
                     Json{{"max-bandwidth", bytes_per_s}, {"downtime-limit", 200}});
    (void)pair().ask(Side::kDestination, "migrate-incoming", Json{{"uri", pair().stream()}});
    (void)pair().ask(Side::kSource, "migrate", Json{{"uri", pair().stream()}});
  }
  /// The same, until the guest runs at the destination and a part of it is at the source still.
  void a_person_starts_a_postcopy(std::int64_t bytes_per_s) {
    for (const Side side : {Side::kSource, Side::kDestination}) {
      (void)pair().ask(side, "migrate-set-capabilities",
                       Json{{"capabilities", {{{"capability", "postcopy-ram"}, {"state", true}}}}});
    }
    (void)pair().ask(Side::kSource, "migrate-set-parameters",
                     Json{{"max-postcopy-bandwidth", bytes_per_s}});
    a_person_starts_it(bytes_per_s);
    pair().await_migration(Side::kSource, "active");
    (void)pair().ask(Side::kSource, "migrate-start-postcopy");
    pair().await_migration(Side::kSource, "postcopy-active");
    ASSERT_TRUE(pair().watch().await(Side::kDestination, "RESUME"));
  }
  [[nodiscard]] static std::vector<Json> lines_of(const Finished& run) {
    std::vector<Json> lines;
    std::istringstream text(run.out);
    for (std::string line; std::getline(text, line);) {
      lines.push_back(Json::parse(line, nullptr, false));
      EXPECT_TRUE(lines.back().is_object()) << line;
    }
    return lines;
  }
};

TEST_F(Watching, AMigrationThatAPersonStartedIsFollowedToItsEndAndNothingIsChanged) {
  start();
  Forwarder& monitor = pair().forward_monitor(Side::kSource);
  monitor.look_for("migrate-set");  // capabilities or parameters
  GodwitProgram godwit({"watch", pair().source(), "--wait", "--max-time", "60s", "--json"});
  pair().await("the watcher", [&] { return monitor.forwarded() > 0; });
  a_person_starts_it(20'000'000);
  const Json during = pair().possessions(Side::kSource);
  const Finished run = godwit.wait();
  ASSERT_EQ(run.status, 0) << run.out << run.err;
  const std::vector<Json> lines = lines_of(run);
  ASSERT_GE(lines.size(), 3u);
  int rounds = 0;
  int foreseen = 0;
  for (std::size_t i = 0; i + 1 < lines.size(); ++i) {
    for (const char* key : {"elapsed_s", "round", "phase", "eta_s", "ends_probability",
                            "remaining_bytes", "rate_bytes_per_s", "dirty_bytes_per_s"}) {
      EXPECT_TRUE(lines[i].contains(key)) << key << ": " << lines[i].dump();
    }
    rounds += lines[i].at("event") == "round" ? 1 : 0;
    foreseen += lines[i].at("eta_s").at("p50").is_number() ? 1 : 0;
  }
  const Json outcome = lines.back().at("outcome");
  EXPECT_EQ(outcome.at("status"), "completed");
  EXPECT_EQ(outcome.at("vm_runs_on"), "unknown") << "the person did not ask for a return path";
  EXPECT_EQ(outcome.at("rounds").size(), static_cast<std::size_t>(rounds));
  EXPECT_GT(foreseen, 0);
  EXPECT_FALSE(monitor.saw_it());
  EXPECT_EQ(pair().possessions(Side::kSource), during);
  expect_runs_only(Side::kDestination);
}

TEST_F(Watching, WhoeverWatchesMayGoAndTheMigrationGoesOn) {
  start();
  a_person_starts_it(1'500'000);
  pair().await_sent(1'000'000);
  const Json during = pair().possessions(Side::kSource);
  GodwitProgram godwit({"watch", pair().source(), "--json"});
  godwit.await_said("\"look\"");
  godwit.signal(SIGINT);
  const Finished run = godwit.wait();
  EXPECT_EQ(run.status, 1) << run.out << run.err;
  EXPECT_SAYS(run, "goes on");
  EXPECT_EQ(pair().migration(Side::kSource), "active");
  EXPECT_EQ(pair().possessions(Side::kSource), during);
  (void)pair().ask(Side::kSource, "migrate_cancel");
  pair().await_migration(Side::kSource, "cancelled");
  expect_runs_only(Side::kSource);
}

TEST_F(Watching, ACancelByWhoDrivesItIsSaid) {
  start();
  a_person_starts_it(1'500'000);
  pair().await_sent(1'000'000);
  GodwitProgram godwit({"watch", pair().source(), "--json"});
  godwit.await_said("\"look\"");
  (void)pair().ask(Side::kSource, "migrate_cancel");
  const Finished run = godwit.wait();
  EXPECT_EQ(run.status, 1) << run.out << run.err;
  const Json outcome = lines_of(run).back().at("outcome");
  EXPECT_EQ(outcome.at("status"), "cancelled");
  EXPECT_EQ(outcome.at("vm_runs_on"), "source");
  expect_runs_only(Side::kSource);
}

TEST_F(Watching, ABrokenPostcopyIsFollowedUntilSomebodyMendsIt) {
  PairSetup setup;
  setup.between = Between::kForwarder;
  start(setup);
  OutOfBand there(pair().file("dst.spare"));
  a_person_starts_a_postcopy(3'000'000);
  GodwitProgram godwit({"watch", pair().source(), "--json"});
  godwit.await_said("postcopy-active");
  pair().wire().cut();
  godwit.await_said("postcopy-paused");
  pair().await_migration(Side::kSource, "postcopy-paused");
  pair().await_split(Side::kDestination);
  const Json waits = there.answer(fmt::format(
      R"({{"exec-oob":"migrate-recover","arguments":{{"uri":"{}"}},"id":1}})", pair().stream()));
  ASSERT_TRUE(waits.contains("return")) << waits.dump();
  (void)pair().ask(Side::kSource, "migrate", Json{{"uri", pair().stream()}, {"resume", true}});
  const Finished run = godwit.wait();
  EXPECT_EQ(run.status, 0) << run.out << run.err;
  EXPECT_SAYS(run, "migrate-recover");
  EXPECT_SAYS(run, "mended after");
  EXPECT_EQ(lines_of(run).back().at("outcome").at("status"), "completed");
  expect_runs_only(Side::kDestination);
}

TEST_F(Watching, WhereThereIsNothingToWatchItIsSaid) {
  start();
  const Finished none = run_godwit({"watch", pair().source()});
  EXPECT_EQ(none.status, 1) << none.out << none.err;
  EXPECT_SAYS(none, "no migration");
  EXPECT_SAYS(none, "--wait");
  const std::string receives = pair().destination().substr(0, pair().destination().find('@'));
  const Finished wrong_side = run_godwit({"watch", receives, "--json"});
  EXPECT_EQ(wrong_side.status, 2) << wrong_side.out << wrong_side.err;
  EXPECT_SAYS(wrong_side, "receives");
  RealClock clock;
  const std::string monitor = pair().source().substr(4);
  const auto other = qmp::QmpClient::connect(monitor, clock, clock.now() + Seconds(10));
  ASSERT_TRUE(other);
  const Finished busy = run_godwit({"watch", pair().source()});
  EXPECT_EQ(busy.status, 2) << busy.out << busy.err;
  EXPECT_SAYS(busy, "another client holds");
  expect_as_before(Side::kSource);
  expect_destination_untouched();
}

}  // namespace
}  // namespace godwit::e2e
