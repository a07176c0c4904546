// A destination that listens on another address than the source connects to.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "drive.h"
#include "fake_pair.h"

namespace godwit::pair {
namespace {

using testing::Contains;
using testing::HasSubstr;

struct Apart {
  Result<MigrationOutcome> go(const std::string& stream, bool storage) {
    pair.destination.state = RunState::kInmigrate;
    MigrationPlan plan;
    plan.technique.storage = storage;
    Ends ends{pair.source, pair.destination, stream};
    ends.listen = "tcp:0.0.0.0:4444";
    return migrate(world.clock, ends, plan, {}, {});
  }
  FakePair::World world;
  FakePair pair{world};
};

TEST(ListenApart, EachSideIsToldItsOwnAddress) {
  Apart run;
  ASSERT_TRUE(run.go("tcp:203.0.113.7:5555", true));
  EXPECT_THAT(run.pair.destination.log, Contains("migrate-incoming tcp:0.0.0.0:4444"));
  EXPECT_THAT(run.pair.destination.log, Contains("serve-storage tcp:0.0.0.0:4444"));
  EXPECT_THAT(run.pair.source.log, Contains("migrate tcp:203.0.113.7:5555"));
}

TEST(ListenApart, DisksNeedAPortBesideTheOneThatIsReached) {
  Apart run;
  const auto outcome = run.go("tcp:203.0.113.7:65535", true);
  ASSERT_FALSE(outcome);
  EXPECT_THAT(outcome.error().message, HasSubstr("no port is left"));
  EXPECT_TRUE(Apart().go("tcp:203.0.113.7:65535", false)) << "memory alone needs no other";
}

}  // namespace
}  // namespace godwit::pair
