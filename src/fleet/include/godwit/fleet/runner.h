#pragma once

#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "godwit/base/clock.h"
#include "godwit/base/error.h"
#include "godwit/control/migration_run.h"
#include "godwit/domain/outcome.h"
#include "godwit/fleet/fleet_plan.h"
#include "godwit/fleet/mover.h"
#include "godwit/fleet/record.h"

namespace godwit::fleet {

/// How it stands with one VM of a plan.
struct VmReport {
  enum class Status {
    kWaiting,
    kPreparing,  ///< its destination is being started
    kReady,      ///< it is, and others are still under way
    kMoving,
    kMoved,
    kStayed,   ///< where it was, as somebody stopped the run
    kBlocked,  ///< where it was: it can't go, or two tries failed
    kGone,     ///< it ended by itself
    kUnclear,  ///< it can't be told where it runs; `reason` says what to ask
  };
  std::string vm;
  std::string from;
  std::string to;       ///< of its last move, planned or made; empty: of none
  std::string runs_on;  ///< a host; empty where it is not known, or nowhere
  Status status = Status::kWaiting;
  Technique technique;
  int attempts = 0;
  Interval<Seconds> promised{};               ///< of its finish, by the first plan
  std::optional<Seconds> started{};           ///< since the run's start, as the next
  std::optional<Seconds> finished{};          ///< when nothing of it was left at its source
  std::optional<MigrationOutcome> outcome{};  ///< of the last attempt
  std::string reason{};
  Remedy what_to_do{};
};
[[nodiscard]] std::string_view to_string(VmReport::Status status);

struct RunOutcome {
  std::vector<VmReport> vms;
  Interval<Seconds> promised{};        ///< the first plan's finish
  Seconds took{};                      ///< until nothing of the last VM was left at its source
  std::optional<Error> ended_early{};  ///< why nothing more was begun: stopped, or what is wrong
  /// Is each VM where it was to go?
  [[nodiscard]] bool complete() const;
};

/// Is told of each step, in the runner's thread.
class RunObserver {
 public:
  RunObserver() = default;
  RunObserver(const RunObserver&) = delete;
  RunObserver& operator=(const RunObserver&) = delete;
  virtual ~RunObserver() = default;
  /// `plan`: of what is left, from now on. `elapsed`: since the run's start.
  virtual void replanned(const FleetPlan& plan, Seconds elapsed, const std::string& why) {
    (void)plan, (void)elapsed, (void)why;
  }
  virtual void changed(const VmReport& report) { (void)report; }
  virtual void on_progress(const std::string& vm, const control::Progress& progress) {
    (void)vm, (void)progress;
  }
  virtual void warning(const std::string& text) { (void)text; }
};

struct RunParts {
  Clock& clock;
  Mover& mover;
  Record& record;
  RunObserver& observer;
  std::function<Result<FleetPlan>(const Situation&)> planner;  ///< for plans made anew
};

/// Carries a plan out: as many moves at once as it says, each in a thread of its own; the next
/// one's destination is prepared meanwhile. Before each step that could leave a VM in an odd place
/// it is recorded. A destination is checked again before each move. A move that fails is tried once
/// more, by another technique where there is one, and then left; the rest goes on. What is left is
/// planned anew when a move fails or takes longer than 95 % should, and when a VM is gone or a host
/// takes none; what is under way then keeps its share of the links until it is over. A stop request
/// begins nothing more and cancels what can be cancelled.
///
/// However it ends, each VM is accounted for. No VM is stopped, or started cold. `run`: by which
/// the record's entries are known. Blocks.
RunOutcome run_plan(const RunParts& parts, Situation situation, FleetPlan plan,
                    const std::string& run, std::stop_token stop);

}  // namespace godwit::fleet
