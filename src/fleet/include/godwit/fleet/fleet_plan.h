#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "godwit/base/error.h"
#include "godwit/base/rng.h"
#include "godwit/fleet/estimate.h"
#include "godwit/fleet/goal.h"
#include "godwit/fleet/inventory.h"

/// From a goal to the moves that reach it, by `schedule`. Pure, and the same for a seed.

namespace godwit::fleet {

struct PlannedMove {
  std::string vm;
  std::string from;
  std::string to;
  Technique technique;
  MigrationParameters parameters;
  BytesPerSecond rate;                   ///< its share of the path
  Seconds start{};                       ///< since the plan's start
  Seconds end{};                         ///< likewise; its share of the path is free again
  Interval<Seconds> finish;              ///< likewise; nothing is left at its source then
  Seconds longest{};                     ///< it takes longer in 5 % of cases
  std::vector<std::size_t> after;        ///< moves of the plan that must be over before it starts
  Seconds not_before{};                  ///< nor does it start before (Wish)
  std::vector<std::string> after_vms{};  ///< of Situation::under_way, likewise
};

struct FleetPlan {
  std::vector<PlannedMove> moves;  ///< by start
  std::vector<Blocked> blockers;
  std::vector<std::string> stopped{};  ///< VMs of the host to be emptied that don't run: left alone
  Interval<Seconds> finish;            ///< of the last move
  Seconds lower_bound{};  ///< no plan of the same moves ends earlier, by the same durations
  Seconds overhead{};     ///< T_O that it reckons with
};

/// It is not clear where this VM runs: no plan moves it, and its room is taken on each host where
/// it may be.
struct Unclear {
  Blocked why;
  std::set<std::string> hosts;
};

/// A move that goes on while the rest is planned anew.
struct MoveUnderWay {
  std::string vm;  ///< which the inventory has at its destination
  std::string from;
  BytesPerSecond rate;  ///< its share of the path, which nobody else gets
  Seconds left{};       ///< until its end, as far as can be told
};

/// How it stands when a plan is made: at the beginning, or anew in the middle of another one.
struct Situation {
  Inventory inventory;  ///< VMs that are under way count as at their destination
  Goal goal;
  std::map<std::string, Estimate> estimates;  ///< of the VMs that are to move
  std::map<std::string, std::size_t> way{};   ///< which of its ways a VM takes; absent: the first
  std::set<std::string> settled{};            ///< VMs that no plan may move (any more)
  std::map<std::string, Unclear> unclear{};   ///< by VM
  std::map<std::string, Error> closed{};      ///< hosts that were found to take none, with why
  std::vector<MoveUnderWay> under_way{};
  bool prepared = false;  ///< T_O is behind the first moves: something is under way
};

/// Blockers that somebody must decide upon before the plan is begun: a VM of which it is not clear
/// where it runs holds up no others.
[[nodiscard]] std::vector<Blocked> in_the_way(const FleetPlan& plan, const Situation& situation);

/// VMs that may be on another host than the inventory has them on, once for each such host. Nothing
/// of one that the inventory does not have.
[[nodiscard]] std::vector<FleetVm> where_else_they_may_be(const Situation& situation);

/// kBadInput as of check(); a VM that can't go is no error but a blocker.
Result<FleetPlan> make_plan(const Situation& situation, const Costs& costs, Rng& rng);

}  // namespace godwit::fleet
