#include "godwit/schedule/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "godwit/schedule/paths.h"

namespace godwit::schedule {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr BytesPerSecond kRate = 100_MB_per_s;

TransferModel ideal() {
  TransferModel model;
  model.goodputs = {{kRate, 1.0}};
  return model;
}

/// Hosts "h0", "h1", ... at one switch, each with room for so much memory and 100 processors.
Problem hosts(const std::vector<std::int64_t>& memories) {
  Problem problem;
  for (const std::int64_t memory : memories) {
    const std::string name = "h" + std::to_string(problem.hosts.size());
    problem.network.hosts.push_back({name, "", kRate, kRate});
    problem.hosts.push_back({name, {memory, 100}});
  }
  return problem;
}

/// A VM of so many units of memory, each of which takes a second at full rate.
VmState& add_vm(Problem& problem, std::size_t on, std::optional<std::size_t> to,
                std::int64_t memory = 1) {
  VmState vm;
  vm.name = "vm" + std::to_string(problem.vms.size());
  vm.on = on;
  vm.to = to;
  vm.takes = {memory, 1};
  vm.load.memory = Bytes(memory * 100'000'000);
  problem.vms.push_back(vm);
  return problem.vms.back();
}

Plan planned(const Problem& problem) {
  Rng rng(1);
  auto plan = make_plan(problem, ideal(), rng);
  EXPECT_TRUE(plan) << (plan ? "" : plan.error().message);
  return plan.value_or(Plan{});
}

const Move& move_of(const Plan& plan, std::size_t vm) {
  const auto found = std::find_if(plan.moves.begin(), plan.moves.end(),
                                  [vm](const Move& move) { return move.vm == vm; });
  EXPECT_NE(found, plan.moves.end());
  return *found;
}

/// What is wrong with a plan, by means of its own: replays all starts and ends in order of time.
std::string wrong_with(const Problem& problem, const Plan& plan) {
  const Paths paths = Paths::of(problem.network).value();
  std::vector<std::tuple<double, int, std::size_t>> events;  // ends come first
  std::vector<Move> moves;
  for (const UnderWay& one : problem.under_way) {
    moves.push_back({one.vm, one.from, problem.vms[one.vm].on, Seconds(0), one.until, one.rate});
  }
  moves.insert(moves.end(), plan.moves.begin(), plan.moves.end());
  for (std::size_t i = 0; i < moves.size(); ++i) {
    events.emplace_back(moves[i].start.count(), 1, i);
    events.emplace_back(moves[i].end.count(), 0, i);
  }
  std::sort(events.begin(), events.end());
  std::vector<double> left;
  for (const SharedLink& link : paths.links()) left.push_back(link.capacity.value() * (1 + 1e-6));
  std::vector<std::size_t> at;
  std::vector<Capacity> room;
  for (const HostState& host : problem.hosts) room.push_back(host.capacity);
  const auto take = [&](std::size_t host, const VmState& vm, int sign) {
    room[host].memory -= sign * vm.takes.memory;
    room[host].cpus -= sign * vm.takes.cpus;
    return room[host].memory >= 0 && room[host].cpus >= 0;
  };
  for (const VmState& vm : problem.vms) at.push_back(vm.on);
  for (const UnderWay& one : problem.under_way) at[one.vm] = one.from;
  for (std::size_t i = 0; i < at.size(); ++i) take(at[i], problem.vms[i], 1);
  for (const auto& [when, start, index] : events) {
    const Move& move = moves[index];
    const VmState& vm = problem.vms[move.vm];
    for (const Paths::Link link : paths.between(move.from, move.to)) {
      left[link] -= (start != 0 ? 1 : -1) * move.rate.value();
      if (left[link] < 0) return paths.links()[link].name + " is given too much";
    }
    if (start == 0) {
      take(move.from, vm, -1);
      at[move.vm] = move.to;
      continue;
    }
    if (at[move.vm] != move.from) return vm.name + " is elsewhere";
    if (!take(move.to, vm, 1)) return problem.hosts[move.to].name + " has no room";
    if (vm.barred.contains(move.to)) return vm.name + " goes where it can't";
    if (when < vm.not_before.count() || when < problem.hosts[move.to].usable_from.count()) {
      return vm.name + " starts too early";
    }
  }
  std::set<std::size_t> blocked;
  for (const Blocker& blocker : plan.blockers) blocked.insert(blocker.vm);
  for (std::size_t i = 0; i < at.size(); ++i) {
    const VmState& vm = problem.vms[i];
    if (!blocked.contains(i) && vm.to && at[i] != *vm.to) return vm.name + " does not arrive";
    if (!blocked.contains(i) && problem.hosts[at[i]].must_be_empty) return vm.name + " stays";
  }
  if (plan.makespan < plan.lower_bound * (1 - 1e-9))
    return "it ends at " + std::to_string(plan.makespan.count()) + ", before its lower bound " +
           std::to_string(plan.lower_bound.count());
  return "";
}

TEST(Plan, WhatSharesALinkGoesOneAfterTheOther) {
  Problem problem = hosts({10, 10});
  for (int i = 0; i < 3; ++i) add_vm(problem, 0, 1, 2).load.cold = 20_MB_per_s;
  const Plan plan = planned(problem);
  EXPECT_EQ(wrong_with(problem, plan), "");
  for (const Move& move : plan.moves) EXPECT_EQ(move.rate, kRate);
  EXPECT_NEAR(plan.makespan.count(), 3 * 200 / 80.0, 1e-6);
  EXPECT_NEAR(plan.lower_bound.count(), plan.makespan.count(), 1e-6);
}

TEST(Plan, WhatCanNotFillALinkSharesIt) {
  // Two sources of half the destination's rate: both at once, each at all that it has.
  Problem problem = hosts({10, 10, 10});
  for (const std::size_t host : {0u, 1u}) {
    problem.network.hosts[host].egress = 50_MB_per_s;
    add_vm(problem, host, 2, 2);
  }
  const Plan plan = planned(problem);
  EXPECT_EQ(wrong_with(problem, plan), "");
  EXPECT_EQ(plan.moves[0].start, plan.moves[1].start);
  EXPECT_NEAR(plan.makespan.count(), 4, 1e-3);
}

TEST(Plan, WhatIsLeftOfALinkIsTakenOnlyWhereItEndsSooner) {
  // 60 of 100 MB/s are taken for 10 s. 100 MB at 40 MB/s take 2.5 s and are taken at once.
  Problem problem = hosts({100, 100, 100});
  problem.network.hosts[0].egress = 60_MB_per_s;
  add_vm(problem, 0, 2, 6);
  add_vm(problem, 1, 2, 1);
  EXPECT_NEAR(move_of(planned(problem), 1).end.count(), 2.5, 1e-3);
  // With 35 MB/s dirtied they would take 20 s; after 10 s at full rate 1.5 s.
  problem.vms[1].load.cold = 35_MB_per_s;
  problem.vms[0].priority = 1;
  const Plan plan = planned(problem);
  EXPECT_NEAR(move_of(plan, 1).start.count(), 10, 1e-3);
  EXPECT_EQ(move_of(plan, 1).rate, kRate);
}

TEST(Plan, AFullHostGivesBeforeItTakes) {
  Problem problem = hosts({2, 2, 4});
  add_vm(problem, 0, 1, 2);
  add_vm(problem, 1, 2, 2);
  const Plan plan = planned(problem);
  EXPECT_EQ(wrong_with(problem, plan), "");
  EXPECT_THAT(plan.blockers, IsEmpty());
  EXPECT_GE(move_of(plan, 0).start, move_of(plan, 1).end);
}

TEST(Plan, ACycleIsBrokenByADetour) {
  Problem problem = hosts({2, 2, 2});
  add_vm(problem, 0, 1, 2);
  add_vm(problem, 1, 0, 2);
  const Plan plan = planned(problem);
  EXPECT_EQ(wrong_with(problem, plan), "");
  EXPECT_THAT(plan.blockers, IsEmpty());
  EXPECT_THAT(plan.moves, SizeIs(3));
}

TEST(Plan, ACycleWithoutAThirdHostIsSaidWithWhatWouldHelp) {
  Problem problem = hosts({2, 2});
  add_vm(problem, 0, 1, 2);
  add_vm(problem, 1, 0, 2);
  const Plan plan = planned(problem);
  ASSERT_THAT(plan.blockers, SizeIs(2));
  EXPECT_THAT(plan.blockers[0].why, HasSubstr("h1 never has room"));
  EXPECT_THAT(plan.blockers[0].what_to_do, HasSubstr("make room"));
}

TEST(Plan, TheOverheadIsHiddenBehindTheMoveBefore) {
  Problem problem = hosts({10, 10});
  problem.overhead = Seconds(3);
  add_vm(problem, 0, 1, 2);
  add_vm(problem, 0, 1, 2);
  const Plan plan = planned(problem);
  EXPECT_NEAR(plan.moves[0].start.count(), 3, 1e-9);
  EXPECT_NEAR(plan.moves[1].start.count(), 5, 1e-9);
}

TEST(Plan, TheOverheadWaitsForRoom) {
  Problem problem = hosts({2, 2, 4});
  problem.overhead = Seconds(3);
  add_vm(problem, 0, 1, 2);
  add_vm(problem, 1, 2, 2);
  const Plan plan = planned(problem);
  EXPECT_NEAR((move_of(plan, 0).start - move_of(plan, 1).end).count(), 3, 1e-9);
}

TEST(Plan, AnEmptiedHostsVmsAreSpreadSoThatTheyArriveSoon) {
  Problem problem = hosts({10, 10, 10});
  problem.hosts[0].must_be_empty = true;
  problem.network.hosts[0].egress = 200_MB_per_s;
  for (int i = 0; i < 4; ++i) add_vm(problem, 0, {}, 2);
  const Plan plan = planned(problem);
  EXPECT_EQ(wrong_with(problem, plan), "");
  EXPECT_NEAR(plan.makespan.count(), 4, 1e-6);
}

TEST(Plan, WhatFitsOnlyTightlyIsPlacedTightly) {
  // By earliest arrival 2 and 1 would part, and 3 find no room.
  Problem problem = hosts({10, 3, 4});
  problem.hosts[0].must_be_empty = true;
  for (const int memory : {3, 2, 2}) add_vm(problem, 0, {}, memory);
  const Plan plan = planned(problem);
  EXPECT_THAT(plan.blockers, IsEmpty());
  EXPECT_EQ(wrong_with(problem, plan), "");
}

TEST(Plan, BlockersSayWhyAndWhatWouldHelp) {
  Problem problem = hosts({20, 4});
  problem.hosts[0].must_be_empty = true;
  add_vm(problem, 0, {}, 1).fixed = true;
  add_vm(problem, 0, {}, 5);
  add_vm(problem, 0, {}, 1).load.cold = kRate;
  const Plan plan = planned(problem);
  ASSERT_THAT(plan.blockers, SizeIs(3));
  std::map<std::size_t, Blocker> by_vm;
  for (const Blocker& blocker : plan.blockers) by_vm[blocker.vm] = blocker;
  EXPECT_THAT(by_vm[0].why, HasSubstr("fixed"));
  EXPECT_THAT(by_vm[1].why, HasSubstr("takes 5 of memory"));
  EXPECT_THAT(by_vm[2].why, HasSubstr("faster than any path"));
  for (const auto& [vm, blocker] : by_vm) EXPECT_NE(blocker.what_to_do, "");
}

TEST(Plan, GroupsAreKeptApartOnTheWayToo) {
  Problem problem = hosts({10, 10, 10});
  add_vm(problem, 0, 1).apart = "web";
  add_vm(problem, 1, 2).apart = "web";
  const Plan plan = planned(problem);
  EXPECT_GE(move_of(plan, 0).start, move_of(plan, 1).end);
}

TEST(Plan, GroupsEndTogetherAndApart) {
  Problem problem = hosts({20, 10, 10});
  problem.hosts[0].must_be_empty = true;
  for (int i = 0; i < 2; ++i) add_vm(problem, 0, {}).together = "db";
  for (int i = 0; i < 2; ++i) add_vm(problem, 0, {}).apart = "web";
  const Plan plan = planned(problem);
  EXPECT_THAT(plan.blockers, IsEmpty());
  EXPECT_EQ(move_of(plan, 0).to, move_of(plan, 1).to);
  EXPECT_NE(move_of(plan, 2).to, move_of(plan, 3).to);
}

TEST(Plan, AGroupGoesWhereAllOfItHasRoom) {
  Problem problem = hosts({40, 8, 32});
  problem.hosts[0].must_be_empty = true;
  add_vm(problem, 0, {}, 20);
  for (int i = 0; i < 2; ++i) add_vm(problem, 0, {}, 6).together = "shop";
  const Plan plan = planned(problem);
  EXPECT_THAT(plan.blockers, IsEmpty());
  EXPECT_EQ(move_of(plan, 1).to, 2u);
  EXPECT_EQ(move_of(plan, 2).to, 2u);
}

/// Not where its first VM would go: h3 is there at once and is fuller, but too slow for another.
TEST(Plan, AGroupGoesWhereEachOfItMayGoAndIsSentInTime) {
  Problem problem = hosts({40, 20, 20, 10});
  problem.hosts[0].must_be_empty = true;
  problem.hosts[2].usable_from = Seconds(1000);
  problem.network.hosts[3].ingress = 10_MB_per_s;
  for (int i = 0; i < 3; ++i) add_vm(problem, 0, {}, 2).together = "shop";
  problem.vms[2].barred = {1};
  problem.vms[1].load.cold = 20_MB_per_s;  // faster than the way to h3
  const Plan plan = planned(problem);
  EXPECT_THAT(plan.blockers, IsEmpty());
  for (std::size_t vm = 0; vm < 3; ++vm) EXPECT_EQ(move_of(plan, vm).to, 2u);
}

/// Who has one host left is dealt to it before others take its room.
TEST(Plan, RoomIsKeptForTheRestOfAGroupThatHasItsHost) {
  Problem problem = hosts({20, 8, 8});
  problem.hosts[0].must_be_empty = true;
  problem.network.hosts[2].ingress = 50_MB_per_s;
  add_vm(problem, 1, {}, 2).together = "shop";
  add_vm(problem, 0, {}, 3).together = "shop";
  add_vm(problem, 0, {}, 6);
  EXPECT_THAT(planned(problem).blockers, IsEmpty());
}

TEST(Plan, AGroupThatFitsNowhereStaysAsAWhole) {
  Problem problem = hosts({20, 8, 8});
  problem.hosts[0].must_be_empty = true;
  for (int i = 0; i < 2; ++i) add_vm(problem, 0, {}, 5).together = "shop";
  const Plan plan = planned(problem);
  ASSERT_THAT(plan.blockers, SizeIs(2));
  EXPECT_THAT(plan.moves, IsEmpty());
  for (const Blocker& blocker : plan.blockers) {
    EXPECT_THAT(blocker.why, HasSubstr("its group takes 10 of memory"));
    EXPECT_THAT(blocker.why, HasSubstr("the most memory is 8"));
  }
}

TEST(Plan, PrioritiesGoFirstAndNothingStartsBeforeItsTime) {
  Problem problem = hosts({10, 10});
  add_vm(problem, 0, 1, 3);
  add_vm(problem, 0, 1, 1).priority = 5;
  add_vm(problem, 0, 1, 1).not_before = Seconds(20);
  const Plan plan = planned(problem);
  EXPECT_LT(move_of(plan, 1).start, move_of(plan, 0).start);
  EXPECT_NEAR(move_of(plan, 2).start.count(), 20, 1e-9);
}

TEST(Plan, AHostThatIsOffBootsFirst) {
  Problem problem = hosts({10, 10});
  problem.hosts[1].usable_from = Seconds(120);
  add_vm(problem, 0, 1, 2);
  const Plan plan = planned(problem);
  EXPECT_NEAR(plan.makespan.count(), 122, 1e-9);
  EXPECT_NEAR(plan.lower_bound.count(), 122, 1e-9);
}

TEST(Plan, TheFinishsIntervalHoldsTheMakespan) {
  Problem problem = hosts({100, 100});
  for (int i = 0; i < 10; ++i) add_vm(problem, 0, 1, 2);
  Rng rng(1);
  TransferModel model = ideal();
  model.error = 0.1;
  const auto plan = make_plan(problem, model, rng);
  ASSERT_TRUE(plan);
  EXPECT_LT(plan->finish.p05, plan->makespan);
  EXPECT_GT(plan->finish.p95, plan->makespan);
  EXPECT_LT(plan->finish.p95, plan->makespan * 1.2);
}

TEST(Plan, AVmGoesToNoHostThatCannotTakeIt) {
  Problem problem = hosts({10, 3, 10});
  problem.hosts[0].must_be_empty = true;
  add_vm(problem, 0, {}, 3);
  add_vm(problem, 0, {}, 1).barred = {2};
  const Plan plan = planned(problem);
  EXPECT_EQ(wrong_with(problem, plan), "");
  EXPECT_THAT(plan.blockers, IsEmpty()) << "the one that may go to fewer hosts is dealt first";
  EXPECT_EQ(move_of(plan, 1).to, 1U);
  problem.vms[1].barred = {1, 2};
  const Plan without = planned(problem);
  ASSERT_THAT(without.blockers, SizeIs(1));
  EXPECT_THAT(without.blockers[0].why, HasSubstr("can't take it"));
  problem.vms[1].to = 1;
  Rng rng(1);
  ASSERT_FALSE(make_plan(problem, ideal(), rng));
}

TEST(Plan, BadProblemsAreRefusedByName) {
  Rng rng(1);
  Problem full = hosts({1, 10});
  add_vm(full, 0, 1, 2);
  ASSERT_FALSE(make_plan(full, ideal(), rng));
  EXPECT_THAT(make_plan(full, ideal(), rng).error().message, HasSubstr("host h0 has 1 of memory"));
  Problem contradiction = hosts({10, 10});
  for (int i = 0; i < 2; ++i) {
    VmState& vm = add_vm(contradiction, 0, {});
    vm.apart = "a";
    vm.together = "t";
  }
  ASSERT_FALSE(make_plan(contradiction, ideal(), rng));
  EXPECT_THAT(make_plan(contradiction, ideal(), rng).error().message,
              HasSubstr("both together with and apart from"));
}

/// Any problem: up to six hosts of tight memory in two racks, VMs that fit where they are and where
/// they are wanted.
Problem any_problem(bool tight) {
  const auto count = *rc::gen::inRange<std::size_t>(2, 7);
  Problem problem;
  for (std::size_t i = 0; i < count; ++i) {
    const std::string name = "h" + std::to_string(i);
    const BytesPerSecond rate(*rc::gen::element(50e6, 100e6));
    problem.network.hosts.push_back({name, i % 2 == 0 ? "even" : "odd", rate, rate});
    problem.hosts.push_back({name, {tight ? 4 : 8, 100}});
  }
  problem.network.uplinks = {{"even", "odd", 150_MB_per_s, 100_MB_per_s}};
  if (!tight) problem.overhead = Seconds(*rc::gen::element(0, 3));
  const auto vms = *rc::gen::inRange<int>(0, tight ? 7 : 15);
  std::vector<std::int64_t> before(count), after(count);
  for (int i = 0; i < vms; ++i) {
    const auto on = *rc::gen::inRange<std::size_t>(0, count);
    const auto to = *rc::gen::inRange<std::size_t>(0, count);
    const auto memory = *rc::gen::inRange<std::int64_t>(1, 4);
    const std::int64_t most = problem.hosts[0].capacity.memory;
    if (before[on] + memory > most || after[to] + memory > most) continue;
    before[on] += memory;
    after[to] += memory;
    VmState& vm = add_vm(problem, on, to, memory);
    vm.load.cold = BytesPerSecond(*rc::gen::element(0.0, 10e6));
    for (std::size_t host = 0; host < count && !tight; ++host) {
      if (host != to && *rc::gen::inRange(0, 4) == 0) vm.barred.insert(host);
    }
  }
  return problem;
}

RC_GTEST_PROP(AnyPlan, BreaksNoConstraintAndIsTheSameForASeed, ()) {
  const Problem problem = any_problem(false);
  const Plan plan = planned(problem);
  RC_ASSERT(wrong_with(problem, plan) == "");
  const Plan again = planned(problem);
  RC_ASSERT(again.makespan == plan.makespan);
  RC_ASSERT(again.moves.size() == plan.moves.size());
}

RC_GTEST_PROP(AnyPlan, BreaksNoConstraintBesideWhatIsUnderWay, ()) {
  Problem problem = any_problem(false);
  const Paths paths = Paths::of(problem.network).value();
  std::set<Paths::Link> taken;
  for (std::size_t i = 0; i < problem.vms.size(); ++i) {
    VmState& vm = problem.vms[i];
    const auto path = paths.between(vm.on, *vm.to);
    const bool is_free = std::none_of(path.begin(), path.end(),
                                      [&](Paths::Link link) { return taken.contains(link); });
    if (path.empty() || !is_free || *rc::gen::inRange(0, 3) > 0) continue;
    taken.insert(path.begin(), path.end());
    const Ratio share(*rc::gen::element(0.3, 0.7, 1.0));
    const Seconds until(*rc::gen::inRange(1, 20));
    problem.under_way.push_back({i, vm.on, paths.widest(vm.on, *vm.to) * share, until});
    vm.on = *vm.to;
    problem.hosts[vm.on].capacity.memory += vm.takes.memory;  // it was found before it began
    vm.to.reset();
    vm.fixed = true;
  }
  RC_ASSERT(wrong_with(problem, planned(problem)) == "");
}

/// Is there any order of single moves in which each finds room? By trying all.
bool some_order_fits(const Problem& problem, std::vector<std::size_t>& at,
                     std::set<std::vector<std::size_t>>& seen) {
  if (!seen.insert(at).second) return false;
  std::vector<std::int64_t> taken(problem.hosts.size());
  for (std::size_t i = 0; i < at.size(); ++i) taken[at[i]] += problem.vms[i].takes.memory;
  bool all_there = true;
  for (std::size_t i = 0; i < at.size(); ++i) {
    const VmState& vm = problem.vms[i];
    if (at[i] == *vm.to) continue;
    all_there = false;
    if (taken[*vm.to] + vm.takes.memory > problem.hosts[*vm.to].capacity.memory) continue;
    at[i] = *vm.to;
    if (some_order_fits(problem, at, seen)) return true;
    at[i] = vm.on;
  }
  return all_there;
}

RC_GTEST_PROP(AnyPlan, SucceedsWhereverAnyOrderDoes, ()) {
  const Problem problem = any_problem(true);
  std::vector<std::size_t> at;
  for (const VmState& vm : problem.vms) at.push_back(vm.on);
  std::set<std::vector<std::size_t>> seen;
  const Plan plan = planned(problem);
  RC_ASSERT(wrong_with(problem, plan) == "");
  if (some_order_fits(problem, at, seen)) RC_ASSERT(plan.blockers.empty());
}

/// Host 0 is to be emptied of a group and of one VM besides.
Problem any_group_and_another() {
  std::vector<std::int64_t> rooms{100};
  const auto others = *rc::gen::inRange<int>(1, 5);
  for (int i = 0; i < others; ++i) rooms.push_back(*rc::gen::inRange<std::int64_t>(0, 16));
  Problem problem = hosts(rooms);
  problem.hosts[0].must_be_empty = true;
  add_vm(problem, 0, {}, *rc::gen::inRange<std::int64_t>(1, 10));
  const auto members = *rc::gen::inRange<int>(2, 5);
  for (int i = 0; i < members; ++i) {
    add_vm(problem, 0, {}, *rc::gen::inRange<std::int64_t>(1, 6)).together = "group";
  }
  return problem;
}

/// Is there any end at which the group is together, and each host has room? By trying all.
bool some_end_fits(const Problem& problem, std::vector<std::size_t> ends = {}) {
  const std::size_t next = ends.size();
  if (next == problem.vms.size()) {
    std::vector<std::int64_t> taken(problem.hosts.size());
    for (std::size_t i = 0; i < next; ++i) taken[ends[i]] += problem.vms[i].takes.memory;
    for (std::size_t i = 2; i < next; ++i) {
      if (ends[i] != ends[1]) return false;
    }
    for (std::size_t host = 0; host < taken.size(); ++host) {
      if (taken[host] > problem.hosts[host].capacity.memory) return false;
    }
    return true;
  }
  ends.push_back(0);
  for (std::size_t host = 1; host < problem.hosts.size(); ++host) {
    ends.back() = host;
    if (some_end_fits(problem, ends)) return true;
  }
  return false;
}

RC_GTEST_PROP(AnyPlan, AGroupFindsRoomWhereverItCan, ()) {
  const Problem problem = any_group_and_another();
  const Plan plan = planned(problem);
  RC_ASSERT(wrong_with(problem, plan) == "");
  RC_ASSERT(plan.blockers.empty() == some_end_fits(problem));
  if (!plan.blockers.empty()) return;
  for (std::size_t vm = 2; vm < problem.vms.size(); ++vm) {
    RC_ASSERT(move_of(plan, vm).to == move_of(plan, 1).to);
  }
}

/// vm0 is under way from h0 to h1.
Problem with_one_under_way(BytesPerSecond rate) {
  Problem problem = hosts({9, 9, 9});
  add_vm(problem, 1, std::nullopt).fixed = true;
  problem.under_way.push_back({0, 0, rate, Seconds(10)});
  return problem;
}

TEST(Plan, WhatIsUnderWayKeepsItsShareUntilItsEnd) {
  Problem problem = with_one_under_way(kRate * Ratio(0.75));
  add_vm(problem, 0, 2, 2);
  const Move shares = move_of(planned(problem), 1);
  EXPECT_EQ(shares.start, Seconds(0)) << "8 s at what is left end before 10 s and 2 s";
  EXPECT_NEAR(shares.rate / kRate, 0.25, 1e-3);
  problem.vms[1].load.memory = Bytes(900'000'000);
  EXPECT_EQ(move_of(planned(problem), 1).start, Seconds(10)) << "36 s end after 10 s and 9 s";
  problem = with_one_under_way(kRate);
  add_vm(problem, 0, 2);
  EXPECT_EQ(move_of(planned(problem), 1).start, Seconds(10));
  add_vm(problem, 2, 1);
  EXPECT_EQ(move_of(planned(problem), 2).start, Seconds(10)) << "into the same host";
}

TEST(Plan, WhatIsUnderWayTakesItsRoomWhereItCameFromUntilItsEnd) {
  Problem problem = with_one_under_way(kRate * Ratio(0.5));
  problem.hosts[0].capacity.memory = 1;
  add_vm(problem, 2, 0);
  EXPECT_EQ(move_of(planned(problem), 1).start, Seconds(10));
  problem.hosts[0].capacity.memory = 2;
  EXPECT_EQ(move_of(planned(problem), 1).start, Seconds(0));
  problem.vms[0].apart = problem.vms[1].apart = "databases";
  EXPECT_EQ(move_of(planned(problem), 1).start, Seconds(10));
}

TEST(Plan, AnOrderIsFoundWhereTheFirstThatFitsEndsInACycle) {
  // h1 has room for one. vm0 (0→1) fits at once; then vm1 (2→1) waits for room that vm2 (1→2) would
  // give, which waits for vm1. No third host has room.
  Problem problem = hosts({1, 3, 2});
  add_vm(problem, 0, 1, 1);
  add_vm(problem, 2, 1, 2);
  add_vm(problem, 1, 2, 1).priority = -1;
  const Plan plan = planned(problem);
  EXPECT_EQ(wrong_with(problem, plan), "");
  EXPECT_THAT(plan.blockers, IsEmpty());
}

}  // namespace
}  // namespace godwit::schedule
