#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "godwit/base/clock.h"
#include "godwit/base/error.h"
#include "godwit/base/units.h"
#include "godwit/hosts/made_fleet.h"

/// How far the promise of an evacuation can be relied on, and what planning gains, over many fleets
/// in the twin.

namespace godwit::hosts {

struct JudgementOptions {
  FleetSize size{};
  int fleets = 20;
  int runs = 20;           ///< of each plan, with other chances
  std::uint64_t seed = 1;  ///< of fleets and chances
};

/// What one way of emptying hosts came to: means over the fleets, one run of each.
struct WayJudged {
  std::string name;
  Seconds empty_after{};  ///< of hosts that became empty
  double times = 1;       ///< of godwit's, on the same hosts: the geometric mean
  int emptied = 0;        ///< hosts
  Seconds outages{};      ///< of all VMs of a host that moved, added up
  Bytes sent{};           ///< likewise
  int left_behind = 0;    ///< VMs, on all hosts
};

struct Judgement {
  int fleets = 0;
  int vms = 0;                  ///< that were to move
  int blocked = 0;              ///< beside those: nobody moves them
  int runs = 0;                 ///< of plans
  double held = 0;              ///< share of runs that ended within the promised 90 % interval
  double by_p95 = 0;            ///< share of runs that ended before its upper end
  double moves_held = 0;        ///< share of moves that ended within their own
  std::vector<WayJudged> ways;  ///< godwit's first
};

/// Empties the first host of each fleet, without post-copy, of which the twin shares no link. What
/// goes beside the streams varies as on the lab (fleet::kCostsError). `done`: share so far.
/// kInterrupted; kBadInput as of made_fleet().
Result<Judgement> judge(Clock& clock, const JudgementOptions& options, std::stop_token stop,
                        const std::function<void(double done)>& done);

}  // namespace godwit::hosts
