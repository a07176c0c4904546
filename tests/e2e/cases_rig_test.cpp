// The rig itself, by plain QMP and without Godwit: what it says it sees it can see.

#include "cases.h"
#include "out_of_band.h"

namespace godwit::e2e {
namespace {

class Rig : public Cases {
 protected:
  void on(Side side, const std::string& capability) {
    (void)pair().ask(side, "migrate-set-capabilities",
                     Json{{"capabilities", {{{"capability", capability}, {"state", true}}}}});
  }
  void move(double bytes_per_s) {
    (void)pair().ask(Side::kDestination, "migrate-incoming", Json{{"uri", pair().stream()}});
    (void)pair().ask(Side::kSource, "migrate-set-parameters",
                     Json{{"max-bandwidth", static_cast<std::int64_t>(bytes_per_s)},
                          {"max-postcopy-bandwidth", static_cast<std::int64_t>(bytes_per_s)}});
    (void)pair().ask(Side::kSource, "migrate", Json{{"uri", pair().stream()}});
  }
};

/// What no migration may do.
TEST_F(Rig, SeesThatTwoRanAndForHowLong) {
  start();
  move(100e6);
  pair().await_migration(Side::kSource, "completed");
  pair().await_state(Side::kDestination, "running");
  expect_never_two();
  (void)pair().ask(Side::kSource, "cont");
  EXPECT_TRUE(pair().works_beyond(Side::kSource, pair().work(Side::kSource)));
  EXPECT_TRUE(pair().works_beyond(Side::kDestination, pair().work(Side::kDestination)));
  (void)pair().ask(Side::kSource, "stop");
  ASSERT_TRUE(pair().watch().await(Side::kSource, "RESUME"));
  EXPECT_GT(pair().watch().two_ran().count(), 0.0);
  EXPECT_NE(pair().possessions(Side::kSource), pair().possessed(Side::kSource)) << "its limit";
}

/// The destination's main loop may be stuck by then, so it is told out of band.
TEST_F(Rig, APulledCableStopsAPostcopyThatOnlyMigratePauseEnds) {
  PairSetup setup;
  setup.between = Between::kCable;
  start(setup);
  OutOfBand there(pair().file("dst.spare"));
  for (const Side side : {Side::kSource, Side::kDestination}) on(side, "postcopy-ram");
  move(5e6);
  pair().await_migration(Side::kSource, "active");
  (void)pair().ask(Side::kSource, "migrate-start-postcopy");
  pair().await_migration(Side::kSource, "postcopy-active");
  ASSERT_TRUE(pair().watch().await(Side::kDestination, "RESUME"));
  pair().await_sent(3'000'000);
  pair().pull_cable();
  (void)pair().ask(Side::kSource, "migrate-pause");
  pair().await_migration(Side::kSource, "postcopy-paused");
  const Json paused = there.answer(R"({"exec-oob":"migrate-pause","id":1})");
  EXPECT_TRUE(paused.contains("return")) << paused.dump();
  pair().await_split(Side::kDestination);
  expect_never_two();
}

TEST_F(Rig, AForwarderBreaksInEveryWay) {
  start();
  Forwarder& forwarder = pair().forward_monitor(Side::kSource);
  RealClock clock;
  const auto connect = [&](Seconds patience) {
    return qmp::QmpClient::connect(pair().source().substr(4), clock, clock.now() + patience);
  };
  const auto ask = [&](qmp::QmpClient& client, Seconds patience) {
    return client.execute("query-status", Json::object(), clock.now() + patience);
  };
  auto client = connect(Seconds(20));
  ASSERT_TRUE(client);
  EXPECT_TRUE(ask(*client, Seconds(20)));
  forwarder.mute(false, true);
  const auto silent = ask(*client, Seconds(0.2));
  ASSERT_FALSE(silent);
  EXPECT_EQ(silent.error().code, ErrorCode::kTimeout);
  forwarder.mute(false, false);
  EXPECT_TRUE(ask(*client, Seconds(20)));
  forwarder.cut();
  EXPECT_EQ(ask(*client, Seconds(20)).error().code, ErrorCode::kPeerGone);
  pair().await("another connection", [&] { return connect(Seconds(20)).has_value(); });
  forwarder.kill();
  EXPECT_EQ(connect(Seconds(20)).error().code, ErrorCode::kNotFound);
  forwarder.revive();
  pair().await("another connection", [&] { return connect(Seconds(20)).has_value(); });
}

/// Otherwise the tests of a long last part would say nothing.
TEST_F(Rig, AThrottledWireKeepsToItsRate) {
  PairSetup setup;
  setup.between = Between::kForwarder;
  start(setup);
  pair().wire().throttle(1e6);
  move(100e6);
  pair().await_sent(1'000'000);
  EXPECT_EQ(pair().migration(Side::kSource), "active");
  const std::int64_t before = pair().wire().forwarded();
  pair().wire().throttle(0);
  pair().await_migration(Side::kSource, "completed");
  EXPECT_GT(pair().wire().forwarded(), before);
}

}  // namespace
}  // namespace godwit::e2e
