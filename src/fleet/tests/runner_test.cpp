// Plans are carried out in a world in memory, in which every step may fail, or be the last.

#include "godwit/fleet/runner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <functional>
#include <mutex>
#include <set>
#include <utility>

#include "fake_world.h"

namespace godwit::fleet {
namespace {

using testing::HasSubstr;
using Status = VmReport::Status;

constexpr const char* kRun = "run-1";

/// Host a is to be emptied; b and c take VMs.
Inventory inventory_of(const FakeWorld& world) {
  Inventory all;
  all.name = "the world";
  for (const char* name : {"a", "b", "c"}) {
    FleetHost host{name};
    if (const auto room = world.room.find(name); room != world.room.end()) {
      host.memory = Bytes(room->second);
    }
    all.hosts.push_back(host);
    all.network.hosts.push_back({name, "switch", BytesPerSecond(1e6), BytesPerSecond(1e6)});
  }
  for (const auto& [name, vm] : world.vms) {
    if (!vm.host.empty()) all.vms.push_back({name, vm.host, Bytes(vm.memory), 1});
  }
  return all;
}

Estimate estimate_of(const std::string& vm, Bytes size) {
  Estimate estimate;
  estimate.vm = vm;
  for (const Technique technique : {Technique::kPrecopy, Technique::kPostcopy}) {
    estimate.ways.push_back({technique, {}, {size, Bytes(0), BytesPerSecond(1e5)}, 0.1});
  }
  return estimate;
}

Situation situation_of(const FakeWorld& world) {
  Situation situation;
  situation.inventory = inventory_of(world);
  situation.goal.empty = "a";
  std::int64_t size = 1'000'000;
  for (const std::string& vm : vms_to_move(situation.inventory, situation.goal)) {
    situation.estimates[vm] = estimate_of(vm, Bytes(size += 100'000));
  }
  return situation;
}

Result<FleetPlan> planned_for(const Situation& situation) {
  Rng rng(1);
  return make_plan(situation, {}, rng);
}

class Evacuation {
 public:
  explicit Evacuation(FakeWorld& world) : world_(world) {}

  RunOutcome run(RunObserver& observer, std::stop_token stop = {}) {
    Situation situation = situation_of(world_);
    situation.goal.wishes = wishes;
    for (const auto& [vm, time] : max_times) situation.estimates[vm].max_time = time;
    auto plan = planned_for(situation);
    EXPECT_TRUE(plan) << plan.error().message;
    return run_plan({clock_, world_, world_, observer, planned_for}, situation, *plan, kRun, stop);
  }
  RunOutcome run(std::stop_token stop = {}) {
    RunObserver silent;
    return run(silent, std::move(stop));
  }

  std::map<std::string, Wish> wishes{};
  std::map<std::string, Seconds> max_times{};

 private:
  FakeWorld& world_;
  RealClock clock_;
};

FakeWorld& with_vms(FakeWorld& world, int count) {
  for (int i = 0; i < count; ++i) world.vms["vm" + std::to_string(i)] = {"a"};
  return world;
}

const VmReport& report_of(const RunOutcome& outcome, const std::string& vm) {
  const auto at = std::find_if(outcome.vms.begin(), outcome.vms.end(),
                               [&vm](const VmReport& one) { return one.vm == vm; });
  EXPECT_NE(at, outcome.vms.end()) << vm;
  return *at;
}

/// What is said of each VM is so.
void expect_accounted_for(const FakeWorld& world, const RunOutcome& outcome) {
  for (const VmReport& one : outcome.vms) {
    const std::string& host = world.vms.at(one.vm).host;
    SCOPED_TRACE(one.vm + ": " + std::string(to_string(one.status)) + " " + one.reason);
    switch (one.status) {
      case Status::kMoved:
        EXPECT_NE(host, "a");
        [[fallthrough]];
      case Status::kStayed:
      case Status::kBlocked:
      case Status::kGone:
        EXPECT_EQ(one.runs_on, host);
        break;
      case Status::kUnclear:
        EXPECT_EQ(one.runs_on, "");
        break;
      default:
        ADD_FAILURE() << "it is not over";
    }
  }
}

TEST(Runner, EmptiesAHostAndSaysWhereEachVmIs) {
  FakeWorld world;
  const RunOutcome outcome = Evacuation(with_vms(world, 5)).run();
  EXPECT_TRUE(outcome.complete());
  EXPECT_EQ(outcome.vms.size(), 5u);
  for (const auto& [name, vm] : world.vms) EXPECT_NE(vm.host, "a") << name;
  expect_accounted_for(world, outcome);
  EXPECT_EQ(open_run(world.entries), std::nullopt) << "the run has ended";
  EXPECT_TRUE(under_way(world.entries).empty());
  EXPECT_EQ(evacuated(world.entries).size(), 0u) << "nobody wrote that a run began";
}

TEST(Runner, AMoveThatFailsIsTriedOnceMoreByAnotherTechnique) {
  FakeWorld world;
  world.fates[{"vm0", 1}] = Fate::kFails;
  const RunOutcome outcome = Evacuation(with_vms(world, 2)).run();
  EXPECT_TRUE(outcome.complete());
  const VmReport& one = report_of(outcome, "vm0");
  EXPECT_EQ(one.attempts, 2);
  ASSERT_TRUE(one.outcome);
  EXPECT_EQ(one.outcome->technique, Technique::kPostcopy);
}

TEST(Runner, AMoveThatFailsTwiceIsLeftAndTheRestGoesOn) {
  FakeWorld world;
  world.fates[{"vm1", 1}] = world.fates[{"vm1", 2}] = Fate::kFails;
  const RunOutcome outcome = Evacuation(with_vms(world, 4)).run();
  EXPECT_FALSE(outcome.complete());
  EXPECT_EQ(report_of(outcome, "vm1").status, Status::kBlocked);
  EXPECT_THAT(report_of(outcome, "vm1").reason, HasSubstr("tried twice"));
  for (const char* vm : {"vm0", "vm2", "vm3"}) {
    EXPECT_EQ(report_of(outcome, vm).status, Status::kMoved) << vm;
  }
  expect_accounted_for(world, outcome);
}

TEST(Runner, AVmThatSomebodyElseDrivesIsSaidAndNotTriedAgain) {
  FakeWorld world;
  world.fates[{"vm0", 1}] = Fate::kBusy;
  const RunOutcome outcome = Evacuation(with_vms(world, 2)).run();
  EXPECT_EQ(report_of(outcome, "vm0").status, Status::kBlocked);
  EXPECT_THAT(report_of(outcome, "vm0").reason, HasSubstr("somebody else drives it"));
  EXPECT_EQ(report_of(outcome, "vm1").status, Status::kMoved);
}

TEST(Runner, AVmThatEndsIsGoneAndTheRestGoesOn) {
  FakeWorld world;
  world.fates[{"vm0", 1}] = Fate::kVanishes;
  const RunOutcome outcome = Evacuation(with_vms(world, 3)).run();
  EXPECT_EQ(report_of(outcome, "vm0").status, Status::kGone);
  EXPECT_TRUE(outcome.complete()) << "the host is empty";
  expect_accounted_for(world, outcome);
}

TEST(Runner, AVmOfWhichNobodyKnowsWhereItRunsIsNeverTouchedAgain) {
  FakeWorld world;
  world.fates[{"vm0", 1}] = Fate::kUnclear;
  const RunOutcome outcome = Evacuation(with_vms(world, 3)).run();
  EXPECT_EQ(report_of(outcome, "vm0").status, Status::kUnclear);
  EXPECT_EQ(report_of(outcome, "vm0").attempts, 1);
  EXPECT_FALSE(report_of(outcome, "vm0").what_to_do.empty());
  EXPECT_EQ(report_of(outcome, "vm2").status, Status::kMoved);
}

/// The next one begins while the first is examined: it may have gone the same way by then.
TEST(Runner, AGuestThatIsNotWellEndsItBeforeMoreFollow) {
  FakeWorld world;
  with_vms(world, 6);
  for (const auto& [name, vm] : world.vms) world.fates[{name, 1}] = Fate::kUnwell;
  world.held_after = 1;  // the first one is looked at before the second has arrived
  const RunOutcome outcome = Evacuation(world).run();
  ASSERT_TRUE(outcome.ended_early);
  EXPECT_THAT(outcome.ended_early->message, HasSubstr("is not well"));
  EXPECT_LE(std::count_if(outcome.vms.begin(), outcome.vms.end(),
                          [](const VmReport& one) { return one.status == Status::kMoved; }),
            2);
  expect_accounted_for(world, outcome);
}

TEST(Runner, AHostThatTakesNoneIsPlannedAround) {
  FakeWorld world;
  world.closed = {"b"};
  const RunOutcome outcome = Evacuation(with_vms(world, 4)).run();
  EXPECT_TRUE(outcome.complete());
  for (const auto& [name, vm] : world.vms) EXPECT_EQ(vm.host, "c") << name;
}

using Planner = std::function<Result<FleetPlan>(const Situation&)>;

/// All VMs are to come back to host a, those of host b and those of host c at once.
RunOutcome restored(FakeWorld& world, RunObserver& observer, const Planner& planner) {
  RealClock clock;
  Situation situation;
  situation.inventory = inventory_of(world);
  situation.inventory.network.hosts[0].ingress = BytesPerSecond(world.carries["a"] = 1e9);
  std::int64_t size = 1'000'000;
  for (const auto& [name, vm] : world.vms) {
    situation.goal.bring[name] = "a";
    situation.estimates[name] = estimate_of(name, Bytes(size += 100'000));
  }
  auto plan = planned_for(situation);
  EXPECT_TRUE(plan) << plan.error().message;
  return run_plan({clock, world, world, observer, planner}, situation, *plan, kRun, {});
}

FakeWorld& with_vms_away(FakeWorld& world) {
  world.vms = {{"vm0", {"b"}}, {"vm1", {"c"}}, {"vm2", {"b"}}, {"vm3", {"c"}}};
  for (const auto& [name, vm] : world.vms) world.held.insert(name);
  world.room["a"] = 8;
  world.closes_after["a"] = 1;
  return world;
}

void release_all(FakeWorld& world) {
  for (const auto& [name, vm] : world.vms) world.release(name);
}

TEST(Runner, AHomeThatRefusesBlocksWhatIsToComeWithItsOwnWordsAndWhatMovesGoesOn) {
  FakeWorld world;
  with_vms_away(world);
  RunObserver silent;
  const RunOutcome outcome = restored(world, silent, [&world](const Situation& now) {
    release_all(world);
    return planned_for(now);
  });
  EXPECT_FALSE(outcome.ended_early) << outcome.ended_early->message;
  ASSERT_EQ(outcome.vms.size(), 4u);
  int moved = 0;
  for (const VmReport& one : outcome.vms) {
    moved += one.status == Status::kMoved ? 1 : 0;
    if (one.status == Status::kMoved) continue;
    EXPECT_EQ(one.status, Status::kBlocked) << one.vm << ": " << one.reason;
    EXPECT_EQ(one.reason, "host a takes no VMs: its lid is closed") << one.vm;
  }
  EXPECT_EQ(moved, 1);
}

TEST(Runner, WhereNoPlanCanBeMadeAnewItIsSaidWhyOneWasDueAndWhatMovesGoesOn) {
  FakeWorld world;
  with_vms_away(world);
  RunObserver silent;
  const RunOutcome outcome = restored(world, silent, [&world](const Situation&) {
    release_all(world);
    return Result<FleetPlan>(fail(ErrorCode::kBadInput, "there are no hosts"));
  });
  ASSERT_TRUE(outcome.ended_early);
  EXPECT_EQ(outcome.ended_early->message,
            "host a takes no VMs: its lid is closed: there are no hosts");
  EXPECT_EQ(std::count_if(outcome.vms.begin(), outcome.vms.end(),
                          [](const VmReport& one) { return one.status == Status::kMoved; }),
            1);
}

TEST(Runner, WithoutARecordNothingIsBegun) {
  FakeWorld world;
  world.record_full = 0;
  const RunOutcome outcome = Evacuation(with_vms(world, 2)).run();
  ASSERT_TRUE(outcome.ended_early);
  EXPECT_THAT(outcome.ended_early->message, HasSubstr("the disk is full"));
  for (const auto& [name, vm] : world.vms) EXPECT_EQ(vm.host, "a") << name;
  expect_accounted_for(world, outcome);
}

TEST(Runner, ADiskThatFillsUpInTheMiddleEndsItWithEveryVmAccountedFor) {
  for (int full = 1; full < 20; ++full) {
    SCOPED_TRACE(full);
    FakeWorld world;
    world.record_full = full;
    expect_accounted_for(world, Evacuation(with_vms(world, 3)).run());
  }
}

/// One that jobs may ask while it is set.
class SharedClock final : public Clock {
 public:
  [[nodiscard]] TimePoint now() const override {
    const std::lock_guard lock(mutex_);
    return clock_.now();
  }
  [[nodiscard]] std::int64_t wall_us() const override {
    const std::lock_guard lock(mutex_);
    return clock_.wall_us();
  }
  bool wait_until(TimePoint deadline, std::stop_token stop) override {
    const std::lock_guard lock(mutex_);
    return clock_.wait_until(deadline, std::move(stop));
  }
  void advance(Seconds by) {
    const std::lock_guard lock(mutex_);
    clock_.advance(by);
  }

 private:
  mutable std::mutex mutex_;
  ManualClock clock_;
};

/// Two are under way side by side. The short one is late; once it has come, the long one is held
/// until a third one has come, too.
class LateBesideALongOne final : public RunObserver {
 public:
  LateBesideALongOne(FakeWorld& world, SharedClock& clock) : world_(world), clock_(clock) {}

  void changed(const VmReport& one) override {
    if (one.status == Status::kMoving) moving_.insert(one.vm);
    if (one.status == Status::kMoved) order.push_back(one.vm);
    if (one.status == Status::kMoved && one.vm == "vm2") world_.release("vm0");
    if (moving_ == std::set<std::string>{"vm0", "vm1"} && order.empty() && !late_) {
      late_ = true;
      clock_.advance(Seconds(5));
    }
  }
  void replanned(const FleetPlan&, Seconds, const std::string& why) override {
    reasons.push_back(why);
    world_.release("vm1");
  }

  std::vector<std::string> order;
  std::vector<std::string> reasons;

 private:
  FakeWorld& world_;
  SharedClock& clock_;
  std::set<std::string> moving_;
  bool late_ = false;
};

TEST(Runner, WhereOneTakesLongerTheRestGoesOnBesideWhatIsUnderWay) {
  FakeWorld world;
  world.vms = {{"vm0", {"b"}}, {"vm1", {"c"}}, {"vm2", {"c"}}};
  world.held = {"vm0", "vm1"};
  world.carries["b"] = 2e5;  // vm0 takes 11 s, a fifth of what host a receives; vm1 takes 2 s
  Situation situation;
  situation.inventory = inventory_of(world);
  situation.inventory.network.hosts[1].egress = BytesPerSecond(2e5);
  std::int64_t size = 1'000'000;
  for (const auto& [name, vm] : world.vms) {
    situation.goal.bring[name] = "a";
    situation.goal.wishes[name].priority = -static_cast<std::int64_t>(size);
    situation.estimates[name] = estimate_of(name, Bytes(size += 100'000));
  }
  const auto plan = planned_for(situation);
  ASSERT_TRUE(plan) << plan.error().message;
  SharedClock clock;
  LateBesideALongOne observer(world, clock);
  const RunOutcome outcome =
      run_plan({clock, world, world, observer, planned_for}, situation, *plan, kRun, {});
  EXPECT_TRUE(outcome.complete());
  EXPECT_THAT(observer.reasons, testing::Contains(HasSubstr("VM vm1 takes longer than")));
  ASSERT_EQ(observer.order.size(), 3u);
  EXPECT_EQ(observer.order.back(), "vm0");
}

/// Hosts a and b are full, and their VMs change places: one goes by host c.
TEST(Runner, AVmThatMakesADetourGoesOnThoughItIsPlannedAnewMeanwhile) {
  FakeWorld world;
  world.vms = {{"vm0", {"b"}}, {"vm1", {"a"}}};
  world.room = {{"a", 1}, {"b", 1}, {"c", 1}};
  world.held = {"vm0", "vm1"};
  Situation situation;
  situation.inventory = inventory_of(world);
  situation.goal.bring = {{"vm0", "a"}, {"vm1", "b"}};
  for (const auto& [name, vm] : world.vms) {
    situation.estimates[name] = estimate_of(name, Bytes(1'000'000));
  }
  const auto plan = planned_for(situation);
  ASSERT_TRUE(plan) << plan.error().message;
  ASSERT_EQ(plan->moves.size(), 3u);
  SharedClock clock;
  class LateOnce final : public RunObserver {
   public:
    LateOnce(FakeWorld& world, SharedClock& clock) : world_(world), clock_(clock) {}
    void changed(const VmReport& one) override {
      if (one.status == Status::kMoving && !std::exchange(late_, true)) clock_.advance(Seconds(9));
    }
    void replanned(const FleetPlan&, Seconds, const std::string&) override {
      for (const char* vm : {"vm0", "vm1"}) world_.release(vm);
    }

   private:
    FakeWorld& world_;
    SharedClock& clock_;
    bool late_ = false;
  } observer(world, clock);
  const RunOutcome outcome =
      run_plan({clock, world, world, observer, planned_for}, situation, *plan, kRun, {});
  EXPECT_TRUE(outcome.complete());
  EXPECT_EQ(world.vms.at("vm0").host, "a");
  EXPECT_EQ(world.vms.at("vm1").host, "b");
}

/// Stops the run at the first change that is a VM's move.
class StopsIt final : public RunObserver {
 public:
  void changed(const VmReport& report) override {
    if (report.status == Status::kMoving || report.status == Status::kMoved) source.request_stop();
  }
  std::stop_source source;
};

TEST(Runner, AStopRequestBeginsNothingMoreAndLeavesEachVmAtOneHost) {
  FakeWorld world;
  StopsIt observer;
  const RunOutcome outcome =
      Evacuation(with_vms(world, 6)).run(observer, observer.source.get_token());
  EXPECT_FALSE(outcome.complete());
  ASSERT_TRUE(outcome.ended_early);
  EXPECT_EQ(outcome.ended_early->code, ErrorCode::kInterrupted);
  expect_accounted_for(world, outcome);
  EXPECT_TRUE(Evacuation(world).run().complete()) << "the same command goes on";
}

TEST(Runner, AStopRequestWhileAHostIsAskedClosesNoHostAndPlansNothingAnew) {
  class CountsPlans final : public RunObserver {
   public:
    void replanned(const FleetPlan&, Seconds, const std::string& why) override {
      reasons.push_back(why);
    }
    std::vector<std::string> reasons;
  };
  FakeWorld world;
  std::stop_source source;
  world.closed = {"b", "c"};
  world.when_asked = [&] { source.request_stop(); };
  CountsPlans observer;
  const RunOutcome outcome = Evacuation(with_vms(world, 3)).run(observer, source.get_token());
  ASSERT_TRUE(outcome.ended_early);
  EXPECT_EQ(outcome.ended_early->code, ErrorCode::kInterrupted);
  EXPECT_THAT(observer.reasons, testing::IsEmpty());
  expect_accounted_for(world, outcome);
}

TEST(Runner, OneAfterTheOtherOnASharedLinkIsOneAtATime) {
  FakeWorld world;
  EXPECT_TRUE(Evacuation(with_vms(world, 5)).run().complete());
  EXPECT_EQ(world.most_at_once(), 1);
}

TEST(Runner, NoHostCarriesMoreThanItCan) {
  FakeWorld world;
  world.room = {{"a", 100}, {"b", 3}, {"c", 3}};
  const RunOutcome outcome = Evacuation(with_vms(world, 6)).run();  // the world itself looks
  EXPECT_TRUE(outcome.complete());
}

/// Of five VMs: its QEMU there keeps its memory, and may run.
void expect_counted_on_both_hosts(const std::string& vm, Fate fate, bool groups) {
  SCOPED_TRACE(vm);
  FakeWorld world;
  world.room = {{"a", 100}, {"b", 4}, {"c", groups ? 4 : 1}};  // the world itself looks
  world.fates[{vm, 1}] = fate;
  if (fate == Fate::kFails) world.unsettled = {vm};
  Evacuation evacuation(with_vms(world, 5));
  evacuation.wishes[vm].priority = 1;  // it goes first
  const std::string other = vm == "vm3" ? "vm0" : "vm3";
  if (groups) evacuation.wishes[vm].apart = evacuation.wishes[other].apart = "databases";
  const RunOutcome outcome = evacuation.run();
  EXPECT_FALSE(outcome.ended_early);
  for (const VmReport& one : outcome.vms) {
    EXPECT_EQ(one.status, one.vm == vm ? Status::kUnclear : Status::kMoved) << one.vm;
  }
  if (!groups) return;
  EXPECT_NE(world.vms.at(vm).maybe_on, world.vms.at(other).host);
}

TEST(Runner, AVmThatMayBeOnAHostTakesItsRoomThereAndKeepsItsGroupAway) {
  for (const char* vm : {"vm0", "vm1", "vm2", "vm3", "vm4"}) {
    for (const bool groups : {false, true}) {
      expect_counted_on_both_hosts(vm, Fate::kUnclear, groups);
      expect_counted_on_both_hosts(vm, Fate::kFails, groups);
    }
  }
}

TEST(Runner, NothingMovesBeforeItsTime) {
  constexpr Seconds kLater{0.6};
  FakeWorld world;
  world.fates[{"vm0", 1}] = Fate::kFails;  // so that it is planned anew meanwhile
  Evacuation evacuation(with_vms(world, 3));
  evacuation.wishes["vm1"].not_before = kLater;
  const RunOutcome outcome = evacuation.run();
  EXPECT_TRUE(outcome.complete()) << (outcome.ended_early ? outcome.ended_early->message : "");
  EXPECT_GE(*report_of(outcome, "vm1").started, kLater);
  EXPECT_EQ(report_of(outcome, "vm0").attempts, 2);
  expect_accounted_for(world, outcome);
}

TEST(Runner, AMoveIsGivenUpAfterTheTimeThatItsVmAllows) {
  FakeWorld world;
  Evacuation evacuation(with_vms(world, 2));
  evacuation.max_times["vm1"] = Seconds(7);
  EXPECT_TRUE(evacuation.run().complete());
  EXPECT_EQ(world.patience.at("vm1"), Seconds(7));
  EXPECT_GT(world.patience.at("vm0"), Seconds(7));
}

TEST(Runner, WhileATimeIsWaitedForItCanBeStopped) {
  FakeWorld world;
  StopsIt observer;
  Evacuation evacuation(with_vms(world, 2));
  evacuation.wishes["vm1"].not_before = Seconds(3600);
  const RunOutcome outcome = evacuation.run(observer, observer.source.get_token());
  EXPECT_EQ(report_of(outcome, "vm1").status, Status::kStayed);
  expect_accounted_for(world, outcome);
}

/// A Godwit that comes after one that was killed.
void settle_left(FakeWorld& world) {
  for (const auto& [vm, left] : under_way(world.entries)) {
    const auto place = world.settle(vm, {});
    Entry entry = left;
    entry.kind = !place              ? Entry::Kind::kGone
                 : *place == left.to ? Entry::Kind::kMoved
                                     : Entry::Kind::kNotMoved;
    EXPECT_TRUE(world.append(entry));
  }
}

TEST(Runner, KilledAtAnyStepTheSameCommandGoesOn) {
  int longest = 1;
  for (int at = 0; at < longest; ++at) {
    for (std::uint64_t seed = 1; seed <= 2; ++seed) {
      SCOPED_TRACE("killed at step " + std::to_string(at));
      FakeWorld world;
      world.seed = seed;
      world.fates[{"vm1", 1}] = Fate::kFails;
      with_vms(world, 4);
      world.killed_at = at;
      (void)Evacuation(world).run();
      longest = std::max(longest, world.steps());
      world.revive();
      settle_left(world);
      for (const auto& [name, vm] : world.vms) {
        EXPECT_TRUE(vm.left_for.empty()) << name << " was moved, and nothing was written down";
      }
      world.fates.clear();
      const RunOutcome outcome = Evacuation(world).run();
      EXPECT_TRUE(outcome.complete());
      for (const auto& [name, vm] : world.vms) EXPECT_NE(vm.host, "a") << name;
      expect_accounted_for(world, outcome);
    }
  }
  EXPECT_GT(longest, 20);
}

RC_GTEST_PROP(RunnerProperty, WhateverHappensEachVmIsAccountedFor, ()) {
  FakeWorld world;
  const int count = *rc::gen::inRange(1, 7);
  with_vms(world, count);
  for (int i = 0; i < count; ++i) {
    for (int attempt = 1; attempt <= 2; ++attempt) {
      world.fates[{"vm" + std::to_string(i), attempt}] =
          *rc::gen::element(Fate::kWell, Fate::kWell, Fate::kNotBegun, Fate::kFails,
                            Fate::kVanishes, Fate::kUnclear, Fate::kUnwell, Fate::kBusy);
    }
  }
  if (*rc::gen::inRange(0, 4) == 0) world.closed = {*rc::gen::element<std::string>("b", "c")};
  const RunOutcome outcome = Evacuation(world).run();
  RC_ASSERT(outcome.vms.size() == static_cast<std::size_t>(count));
  expect_accounted_for(world, outcome);
  RC_ASSERT(!testing::Test::HasFailure());
  RC_ASSERT(!open_run(world.entries));
}

}  // namespace
}  // namespace godwit::fleet
