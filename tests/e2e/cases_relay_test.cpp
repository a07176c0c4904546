// Migrations through the relay, by plain QMP: every kind of channel comes over, and what is left
// when the relay's connections are cut.

#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <numeric>

#include "cases.h"
#include "godwit/domain/address.h"
#include "godwit/relay/relay.h"
#include "out_of_band.h"

namespace godwit::e2e {
namespace {

using relay::PathOptions;
using relay::PathStats;
using relay::Relay;
using relay::RelayedPath;

class Relayed : public Cases {
 protected:
  void SetUp() override {
    Cases::SetUp();
    start();
    auto relay = Relay::start(clock_);
    ASSERT_TRUE(relay) << relay.error().message;
    relay_ = std::move(*relay);
  }
  void both_can(const std::vector<std::string>& capabilities) {
    Json list = Json::array();
    for (const std::string& one : capabilities)
      list.push_back({{"capability", one}, {"state", true}});
    set("migrate-set-capabilities", Json{{"capabilities", list}});
  }
  void set(const std::string& command, const Json& arguments) {
    for (const Side side : {Side::kSource, Side::kDestination}) {
      (void)pair().ask(side, command, arguments);
    }
  }
  std::unique_ptr<RelayedPath> open(const std::string& uri, const PathOptions& options) {
    auto path = relay_->open(*tcp_address_of(uri), options);
    if (!path) throw std::runtime_error(path.error().message);
    return std::move(*path);
  }
  /// QEMU's own limit is far above the relay's.
  void move(BytesPerSecond rate) {
    PathOptions options;
    options.rate = rate;
    path_ = open(pair().stream(), options);
    (void)pair().ask(Side::kDestination, "migrate-incoming", Json{{"uri", pair().stream()}});
    set("migrate-set-parameters", Json{{"max-bandwidth", 1'000'000'000}});
    (void)pair().ask(Side::kSource, "migrate", Json{{"uri", path_->uri()}});
  }
  void postcopy_after(std::int64_t bytes) {
    pair().await_sent(bytes);
    (void)pair().ask(Side::kSource, "migrate-start-postcopy");
    pair().await_migration(Side::kSource, "postcopy-active");
  }
  void expect_came_over(int channels) {
    pair().await_migration(Side::kSource, "completed");
    pair().await_state(Side::kDestination, "running");
    expect_runs_only(Side::kDestination);
    pair().await("the channels' end", [&] { return path_->stats().channels == 0; });
    const PathStats stats = path_->stats();
    EXPECT_EQ(stats.channels_opened, channels);
    EXPECT_FALSE(stats.failure) << stats.failure->message;
    EXPECT_GT(stats.to_destination, 40_MB);
  }
  void expect_rate_never_exceeded(BytesPerSecond rate) {
    const std::vector<Bytes> grains = path_->throughput(Seconds(60));
    constexpr std::ptrdiff_t kRow = 10;
    ASSERT_GT(std::ssize(grains), kRow);
    for (auto at = grains.begin(); at + kRow <= grains.end(); ++at) {
      const Bytes carried = std::accumulate(at, at + kRow, 0_B);
      EXPECT_LE(carried.as_double(), rate.value() * 0.102 + 1) << at - grains.begin();
    }
  }

  RealClock clock_;
  std::unique_ptr<Relay> relay_;
  std::unique_ptr<RelayedPath> path_;
};

TEST_F(Relayed, PrecopyComesOverAndItsRateIsNeverExceeded) {
  both_can({});
  move(20_MB_per_s);
  expect_came_over(1);
  expect_rate_never_exceeded(20_MB_per_s);
}

/// Which QEMU's own limit does not hold.
TEST_F(Relayed, SixteenMultifdChannelsComeOverAndTheirRateIsNeverExceeded) {
  both_can({"multifd"});
  set("migrate-set-parameters", Json{{"multifd-channels", 16}});
  move(20_MB_per_s);
  expect_came_over(17);
  expect_rate_never_exceeded(20_MB_per_s);
}

TEST_F(Relayed, HybridComesOver) {
  both_can({"postcopy-ram"});
  move(20_MB_per_s);
  postcopy_after(10'000'000);
  expect_came_over(1);
}

TEST_F(Relayed, PostcopyWithAChannelForRequestedPagesComesOver) {
  both_can({"postcopy-ram", "postcopy-preempt"});
  move(20_MB_per_s);
  postcopy_after(10'000'000);
  expect_came_over(2);
}

/// What becomes of QEMU's connections when Godwit is killed.
TEST_F(Relayed, CutInPrecopyTheGuestGoesOnAtTheSource) {
  move(5_MB_per_s);
  pair().await_sent(5'000'000);
  path_->cut();
  pair().await_migration(Side::kSource, "failed");
  expect_runs_only(Side::kSource);
}

TEST_F(Relayed, CutInPostcopyBothSidesPauseAndByAnotherPathItGoesOn) {
  OutOfBand there(pair().file("dst.spare"));
  both_can({"postcopy-ram"});
  move(5_MB_per_s);
  postcopy_after(5'000'000);
  // before it, the destination has nothing yet, and a cut loses the guest, with or without a relay
  ASSERT_TRUE(pair().watch().await(Side::kDestination, "RESUME"));
  path_->cut();
  pair().await_migration(Side::kSource, "postcopy-paused");
  pair().await_split(Side::kDestination);
  expect_never_two();

  const std::string again = fmt::format("tcp:127.0.0.1:{}", free_port());
  const Json waits = there.answer(
      fmt::format(R"({{"exec-oob":"migrate-recover","arguments":{{"uri":"{}"}},"id":1}})", again));
  ASSERT_TRUE(waits.contains("return")) << waits.dump();
  path_ = open(again, {});
  (void)pair().ask(Side::kSource, "migrate", Json{{"uri", path_->uri()}, {"resume", true}});
  pair().await_migration(Side::kSource, "completed");
  expect_runs_only(Side::kDestination);
}

// --- the program's own ---

class GodwitsRelay : public Cases {
 protected:
  /// What is missing once the link is back goes through the relay, too, and at its rate.
  template <class Break>
  void expect_mended_through_it(Break break_it) {
    PairSetup setup;
    setup.between = Between::kForwarder;
    start(setup);
    GodwitProgram godwit(migrate({"--technique", "postcopy", "--relay", "--link", "5MB/s"}));
    pair().await_migration(Side::kSource, "postcopy-active");
    // before it, the destination has nothing yet, and a cut loses the guest
    ASSERT_TRUE(pair().watch().await(Side::kDestination, "RESUME"));
    pair().await_sent(3'000'000);
    break_it(pair().wire());
    const RealClock clock;
    const std::int64_t before = pair().wire().forwarded();
    const TimePoint broken = clock.now();
    pair().wire().mute(false, false);
    pair().await_migration(Side::kSource, "completed");
    // QEMU's own limit is out of the way: by another path all of it would have come at once
    constexpr double kMost = 5e6 * 1.02;
    const double may_have_come = kMost * (clock.now() - broken).count();
    const auto came = static_cast<double>(pair().wire().forwarded() - before);
    EXPECT_GT(came, 40e6) << "there was much left";
    EXPECT_LE(came, may_have_come);
    const Finished run = godwit.wait();
    EXPECT_EQ(run.status, 0) << run.out << run.err;
    EXPECT_EQ(outcome_of(run).at("vm_runs_on"), "destination");
    EXPECT_SAYS(run, "mended after");
    expect_runs_only(Side::kDestination);
    expect_as_before(Side::kDestination);
  }
};

TEST_F(GodwitsRelay, AHybridMigrationGoesThroughItAndEverythingIsGivenBack) {
  start();
  expect_completed(run_godwit(migrate({"--technique", "hybrid", "--relay", "--link", "20MB/s"})));
}

/// With 16 channels QEMU's own limit would not hold.
TEST_F(GodwitsRelay, MultifdGoesThroughIt) {
  start();
  expect_completed(run_godwit(migrate({"--technique", "multifd", "--relay", "--link", "20MB/s"})));
}

TEST_F(GodwitsRelay, APostcopyThatIsCutGoesOnThroughItAtItsRate) {
  // mended before anybody could see it paused
  expect_mended_through_it([](Forwarder& wire) { wire.cut(); });
}

TEST_F(GodwitsRelay, APostcopyWhoseLinkWasDeadGoesOnThroughItAtItsRate) {
  expect_mended_through_it([this](Forwarder& wire) {
    wire.mute(true, true);
    pair().await_migration(Side::kSource, "postcopy-paused");
  });
}

/// The stream ends with it.
TEST_F(GodwitsRelay, KilledInPrecopyTheGuestGoesOnAtTheSourceAndRecoverGivesBack) {
  start();
  GodwitProgram godwit(migrate({"--technique", "precopy", "--relay", "--link", "5MB/s"}));
  pair().await_sent(3'000'000);
  godwit.signal(SIGKILL);
  (void)godwit.wait();
  pair().await_migration(Side::kSource, "failed");
  const Finished run = run_godwit({"recover", "--json"});
  EXPECT_SAYS(run, "\"source\"");
  expect_as_before(Side::kSource);
  expect_runs_only(Side::kSource);
}

TEST_F(GodwitsRelay, WhereItCannotBeItIsRefusedBeforeAnythingIsTouched) {
  start();
  const std::string path = "unix:" + file("stream.sock");
  expect_refused(run_godwit(migrate_to(path, {"--technique", "precopy", "--relay"})),
                 "a relay carries TCP", 2);
}

}  // namespace
}  // namespace godwit::e2e
