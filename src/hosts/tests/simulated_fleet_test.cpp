// A fleet that is only written down is emptied in the twin.

#include "godwit/hosts/simulated_fleet.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "godwit/base/clock.h"
#include "godwit/hosts/operation.h"

namespace godwit::hosts {
namespace {

constexpr const char* kTwoHosts = R"(
link = "1Gbit/s"
[hosts.a]
[hosts.b]
[vms.calm]
host = "a"
memory = "2GiB"
[vms.busy]
host = "a"
memory = "4GiB"
dirty = "40MB/s"
working_set = "1GiB"
[vms.elsewhere]
host = "b"
memory = "1GiB"
)";

class Simulation : public testing::Test {
 protected:
  void SetUp() override {
    auto file = parse_fleet_file(kTwoHosts, FleetUse::kSimulated);
    ASSERT_TRUE(file) << file.error().message;
    fleet_ = std::make_unique<SimulatedFleet>("rack", std::move(*file));
    operation_ = std::make_unique<Operation>(
        clock_, *fleet_,
        [](std::stop_token) -> std::unique_ptr<engine::Engine> {
          ADD_FAILURE() << "nobody is to be asked";
          return nullptr;
        },
        engine::Places(), FleetFiles{"/nonexistent/record", "/nonexistent/cordons"},
        std::stop_token());
    wanted_.host = "a";
  }

  RealClock clock_;
  std::unique_ptr<SimulatedFleet> fleet_;
  std::unique_ptr<Operation> operation_;
  Wanted wanted_;
};

TEST_F(Simulation, EmptiesAHostThatNobodyHasInAboutTheTimeThatIsPromised) {
  const auto draft = operation_->draft(wanted_, {});
  ASSERT_TRUE(draft) << draft.error().message;
  ASSERT_EQ(draft->plan.moves.size(), 2u);
  EXPECT_TRUE(draft->plan.blockers.empty());
  const auto run = operation_->simulate(*draft);
  ASSERT_TRUE(run) << run.error().message;
  EXPECT_TRUE(run->complete());
  for (const fleet::VmReport& vm : run->vms) {
    EXPECT_EQ(vm.runs_on, "b");
    EXPECT_EQ(vm.outcome->status, OutcomeStatus::kCompleted);
  }
  EXPECT_NEAR(run->took / draft->plan.finish.p50, 1, 0.1);
}

TEST_F(Simulation, IsTheSameEachTime) {
  const auto draft = operation_->draft(wanted_, {});
  ASSERT_TRUE(draft) << draft.error().message;
  const auto one = operation_->simulate(*draft);
  const auto other = operation_->simulate(*draft);
  ASSERT_TRUE(one && other);
  EXPECT_EQ(one->took, other->took);
}

}  // namespace
}  // namespace godwit::hosts
