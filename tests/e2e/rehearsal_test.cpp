// The rehearsal on a real QEMU whose guest dirties memory at a known rate.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "foreign_pair.h"
#include "godwit/base/clock.h"

namespace godwit::e2e {
namespace {

using testing::HasSubstr;

/// A load that writes pages of its set at random.
struct Writer {
  double set = 0;   ///< bytes
  double rate = 0;  ///< bytes of pages a second

  [[nodiscard]] std::string load(const std::string& content) const {
    return "memory-write,set=" + std::to_string(std::lround(set)) +
           "B,rate=" + std::to_string(std::lround(rate)) +
           "B/s,pattern=uniform,fill=40MiB,content=" + content;
  }
  /// S (1 - exp(-r t / S))
  [[nodiscard]] double must_dirty(double seconds) const {
    return set * -std::expm1(-rate * seconds / set);
  }
};
constexpr Writer kWriter{64 << 20, 20e6};
constexpr Writer kSmallWriter{16 << 20, 40e6};

std::vector<std::string> rehearse(const ForeignPair& pair, std::vector<std::string> more = {}) {
  std::vector<std::string> words{"profile", pair.source(), "--rehearse", "--for", "1s", "--json"};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

/// The guest's kernel and its reports dirty some memory too; on a busy host the load lags.
bool is_close_to_the_truth(const Json& curve, const Writer& writer) {
  return !curve.empty() && std::all_of(curve.begin(), curve.end(), [&](const Json& point) {
    const double truth = writer.must_dirty(point.at("window_s"));
    const double unique = point.at("unique_bytes");
    return unique > 0.75 * truth && unique < 1.1 * truth + 2e6;
  });
}

/// A rehearsal that ended well and counted what the load must dirty, at the pace that its guest
/// really has: one that booted on a busy host may hold a second for longer or shorter than it is.
/// Where the guest did not keep even that pace, there is another rehearsal.
Json rehearse_close_to_the_truth(ForeignPair& pair, Writer writer,
                                 const std::vector<std::string>& more = {}) {
  constexpr double kPage = 4096;
  RealClock clock;
  Json said;
  for (int attempt = 0; attempt < 8; ++attempt) {
    const TimePoint began = clock.now();
    const std::int64_t before = pair.work(Side::kSource);
    const Finished run = run_godwit(rehearse(pair, more));
    const auto written = static_cast<double>(pair.work(Side::kSource) - before);
    writer.rate = written * kPage / (clock.now() - began).count();
    EXPECT_EQ(run.status, 0) << run.out << run.err;
    said = run.json();
    if (run.status != 0) throw std::runtime_error("no rehearsal");
    if (is_close_to_the_truth(said.at("profile").at("dirty_curve"), writer)) return said;
  }
  ADD_FAILURE() << writer.rate << " B/s: " << said.at("profile").at("dirty_curve");
  return said;
}

struct Settings {
  explicit Settings(ForeignPair& pair) {
    const auto source = pair.observe_source();
    on = source->capabilities().value();
    parameters = source->parameters().value();
    phase = source->migration_status().value().phase;
    state = source->run_state().value();
  }
  CapabilitySet on;
  MigrationParameters parameters;
  MigrationPhase phase = MigrationPhase::kNone;
  RunState state = RunState::kOther;
};

void expect_as_before(ForeignPair& pair, const Settings& before, std::int64_t work) {
  const Settings after(pair);
  EXPECT_EQ(after.on, before.on);
  EXPECT_EQ(after.parameters, before.parameters);
  EXPECT_EQ(after.state, RunState::kRunning);
  EXPECT_TRUE(is_final(after.phase)) << to_string(after.phase);
  EXPECT_TRUE(pair.works_beyond(Side::kSource, work));
}

/// Returns once a rehearsal is under way.
void await_active(ForeignPair& pair) {
  pair.await_sent(1'000'000);
}

TEST(Rehearsal, CountsWhatTheLoadMustDirtyAndLeavesTheVmAsItWas) {
  ForeignPair pair(kWriter.load("random"));
  const Settings before(pair);
  const TemporaryFolder folder;
  const Json json = rehearse_close_to_the_truth(pair, kWriter, {"-o", folder.file("vm.json")});
  const Json& profile = json.at("profile");
  EXPECT_EQ(profile.at("source"), "rehearsal");
  EXPECT_GE(profile.at("dirty_curve").size(), 2u);
  EXPECT_GT(profile.at("dirty_curve").back().at("window_s"), 0.5);
  ASSERT_EQ(profile.at("other_curves").size(), 1u);
  EXPECT_EQ(profile.at("other_curves").at(0).at("source"), "content-hash");
  EXPECT_THAT(profile.at("blind_spot").get<std::string>(), HasSubstr("slower"));
  const double observed_ms = 1000 * profile.at("dirty_curve").back().at("window_s").get<double>();
  EXPECT_LT(json.at("rehearsal").at("longest_stop_ms"), observed_ms);
  expect_as_before(pair, before, pair.work(Side::kSource));

  const Finished predicted =
      run_godwit({"predict", "--profile", folder.file("vm.json"), "--link", "60MB/s", "--json"});
  ASSERT_EQ(predicted.status, 0) << predicted.out;
  EXPECT_TRUE(predicted.json().at("predictions").at(0).at("converges"));
}

TEST(Rehearsal, SeesSilentStoresWhichHashesMiss) {
  ForeignPair pair(kSmallWriter.load("zero"));
  // ten times as many writes as there are pages: by now all of them hold zeros
  ASSERT_TRUE(pair.works_beyond(Side::kSource, 40'960));
  // a pass of zero pages fits QEMU's buffer, whatever its rate limit: it may not get beyond 100 ms
  const Json profile = rehearse_close_to_the_truth(pair, kSmallWriter).at("profile");
  const Json& hashed = profile.at("other_curves").at(0).at("dirty_curve").back();
  EXPECT_LT(hashed.at("unique_bytes"), 0.3 * kSmallWriter.must_dirty(hashed.at("window_s")));
}

/// It writes as fast as it can, and hashes see nothing of it.
/// However busy this machine is, the guest gets as much of a processor as it wants, where this user
/// may say so.
void prefer(pid_t qemu) {
  constexpr int kFirst = -19;
  for (const auto& thread :
       std::filesystem::directory_iterator("/proc/" + std::to_string(qemu) + "/task")) {
    const int number = std::stoi(thread.path().filename());
    (void)::setpriority(PRIO_PROCESS, static_cast<id_t>(number), kFirst);
  }
}

TEST(Rehearsal, IsMadeByItselfOfAGuestWhoseStoresAreAllSilent) {
  ForeignPair pair("memory-write,set=6MiB,rate=full,pattern=uniform,silent=100%");
  prefer(pair.pid(Side::kSource));
  const Settings before(pair);
  ASSERT_TRUE(pair.works_beyond(Side::kSource, 1'536)) << "all pages have been written once";
  const std::vector<std::string> predict{"predict", pair.source(), "--for", "2s",
                                         "--link",  "60MB/s",      "--json"};
  const auto predicted_with = [&](std::vector<std::string> more) {
    std::vector<std::string> words = predict;
    words.insert(words.end(), more.begin(), more.end());
    const Finished run = run_godwit(words);
    EXPECT_EQ(run.status, 0) << run.out << run.err;
    return run.json();
  };
  const Json blind = predicted_with({"--no-rehearse"});
  EXPECT_EQ(blind.at("rehearsal").at("rehearsed"), false);
  EXPECT_THAT(blind.at("rehearsal").at("why").get<std::string>(), HasSubstr("ruled out"));
  EXPECT_EQ(Settings(pair).phase, before.phase) << "the VM was left alone";

  const Json seen = predicted_with({});
  EXPECT_EQ(seen.at("rehearsal").at("rehearsed"), true) << seen.at("rehearsal");
  EXPECT_THAT(seen.at("rehearsal").at("why").get<std::string>(),
              HasSubstr("for each second of vCPU time"));
  expect_as_before(pair, before, pair.work(Side::kSource));

  // the law mends a limit that is too short: a rehearsal measures nothing below a tenth of a second
  const Finished moved = run_godwit({"migrate", pair.source(), pair.destination(), "--technique",
                                     "precopy", "--max-downtime", "1s", "--law", "godwit", "--for",
                                     "2s", "--link", "60MB/s", "--json", "--store", pair.store()});
  ASSERT_EQ(moved.status, 0) << moved.out << moved.err;
  EXPECT_EQ(moved.json().at("rehearsal").at("rehearsed"), true);
  const Json profile = moved.json().at("profile");
  EXPECT_EQ(profile.at("source"), "rehearsal");
  const auto written = [](const Json& curve) -> double { return curve.back().at("unique_bytes"); };
  EXPECT_GT(written(profile.at("dirty_curve")),
            written(profile.at("other_curves").at(0).at("dirty_curve")));
}

TEST(Rehearsal, AnIdleGuestIsRehearsedToo) {
  ForeignPair pair("idle");
  const Settings before(pair);
  const Finished run = run_godwit(rehearse(pair));
  ASSERT_EQ(run.status, 0) << run.out << run.err;
  EXPECT_LT(run.json().at("profile").at("dirty_curve").back().at("unique_bytes"), 5e6);
  EXPECT_GE(run.json().at("rehearsal").at("longest_stop_ms"), 0.0);
  expect_as_before(pair, before, pair.work(Side::kSource));
}

TEST(Rehearsal, CtrlCCancelsItAndTheGuestGoesOn) {
  ForeignPair pair(kWriter.load("random"));
  const Settings before(pair);
  GodwitProgram godwit(rehearse(pair, {"--for", "10s"}));
  await_active(pair);
  godwit.signal(SIGINT);
  const Finished run = godwit.wait();
  EXPECT_EQ(run.json().at("error").at("code"), "interrupted") << run.out << run.err;
  expect_as_before(pair, before, pair.work(Side::kSource));
}

TEST(Rehearsal, KilledInTheMiddleItLeavesARunningGuestAndTheNextRunGivesTheSettingsBack) {
  ForeignPair pair(kWriter.load("random"));
  const Settings before(pair);
  GodwitProgram godwit(rehearse(pair, {"--for", "10s"}));
  await_active(pair);
  godwit.signal(SIGKILL);
  (void)godwit.wait();
  const std::int64_t work = pair.work(Side::kSource);
  EXPECT_TRUE(pair.works_beyond(Side::kSource, work));
  EXPECT_NE(Settings(pair).on, before.on) << "what is left";
  const Finished next = run_godwit(rehearse(pair));
  ASSERT_EQ(next.status, 0) << next.out << next.err;
  EXPECT_THAT(next.err, testing::Not(HasSubstr("could not")));
  expect_as_before(pair, before, pair.work(Side::kSource));
}

TEST(Rehearsal, AVmThatMigratesAlreadyIsLeftAlone) {
  ForeignPair pair(kWriter.load("random"));
  {
    const auto source = pair.observe_source();
    const auto destination = pair.observe_destination();
    MigrationParameters slow;
    slow.max_bandwidth = BytesPerSecond(5e6);
    ASSERT_TRUE(source->set_parameters(slow));
    ASSERT_TRUE(destination->listen(pair.stream()));
    ASSERT_TRUE(source->migrate(pair.stream()));
  }
  const Finished run = run_godwit(rehearse(pair));
  EXPECT_EQ(run.status, 2) << run.out << run.err;
  EXPECT_EQ(run.json().at("error").at("code"), "busy");
  EXPECT_EQ(Settings(pair).phase, MigrationPhase::kActive) << "theirs goes on";
}

}  // namespace
}  // namespace godwit::e2e
