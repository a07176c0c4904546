#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "godwit/base/clock.h"
#include "godwit/fleet/hours.h"
#include "godwit/fleet/record.h"
#include "godwit/fleet/runner.h"
#include "godwit/hosts/fleet.h"
#include "godwit/hosts/intent_file.h"
#include "godwit/hosts/record_file.h"
#include "godwit/hosts/survey.h"

/// `evacuate`, `restore` and `cordon` without a user interface.

namespace godwit::hosts {

/// Files of one fleet's state.
struct FleetFiles {
  std::filesystem::path record;
  std::filesystem::path cordons;  ///< apart, as hosts are cordoned while VMs move
  std::filesystem::path seen{};   ///< what was observed of VMs; empty: nothing is kept
};
/// `key`: the fleet's, fit for a file's name.
Result<FleetFiles> files_of(const engine::Places& places, const std::string& key);

/// kNotFound: no such host. Right also where it was so before.
Result<void> set_cordon(Clock& clock, const FleetFiles& files, const fleet::Inventory& inventory,
                        const std::string& host, bool cordon);

struct Wanted {
  bool restore = false;  ///< else `host` is to be emptied
  std::string host;
  std::vector<std::string> to{};
  std::vector<std::string> keep{};
  /// Wall time by which all is to be done, by the plan's 95 %; else kImpossible.
  std::optional<std::int64_t> by_wall_us{};
  SurveyOptions survey{};
  std::optional<IntentFile> intents{};  ///< what else holds for single VMs; overrides the survey's
};

struct Draft {
  fleet::Situation situation;
  fleet::FleetPlan plan;
  fleet::Costs costs;
  std::vector<fleet::Entry> earlier{};  ///< moves of the run that is gone on with
  std::optional<Error> too_late{};      ///< it can't be done in the time that there is
};

/// One evacuation or restoration of a fleet. One thread.
class Operation {
 public:
  /// All outlive it. `engines` may be called from any thread.
  Operation(Clock& clock, Fleet& fleet, EngineMaker engines, engine::Places places,
            FleetFiles files, std::stop_token stop);

  /// Takes the fleet's record, so that nobody else moves its VMs, and finds out where the VMs are
  /// that a Godwit was moving when it was killed. One of which that is not certain is left alone in
  /// this run, and is a blocker of the draft's plan (Situation::unclear). kBusy, kInterrupted.
  Result<void> begin();
  /// What would be done. Without `begin` before, nothing is touched. Errors: as of check(), of the
  /// survey, kNotFound where there is nothing to bring back.
  Result<Draft> draft(const Wanted& wanted,
                      const std::function<void(const fleet::Estimate&)>& surveyed);
  /// What the same moves would take at each hour of the day at which the VMs were seen often
  /// enough, by what was observed of them for earlier drafts and this one.
  Result<std::vector<fleet::HourCost>> hours(const Draft& draft) const;
  /// How the draft's plan would go, where the fleet is only simulated: nothing is recorded.
  Result<fleet::RunOutcome> simulate(const Draft& draft);
  /// Cordons an evacuated host (lifts the cordon of one whose VMs come back), and moves the VMs.
  Result<fleet::RunOutcome> run(const Wanted& wanted, Draft draft, fleet::RunObserver& observer);

 private:
  Result<void> settle_left(const std::vector<fleet::Entry>& entries);
  Result<void> settle(const std::string& vm, const fleet::Entry& left);
  void leave_alone(const std::string& vm, const fleet::Entry& left, const Error& why);
  Result<fleet::Goal> goal_of(const Wanted& wanted, const fleet::Inventory& inventory) const;
  Result<fleet::Inventory> look();
  void keep_what_was_seen(const std::map<std::string, fleet::Estimate>& estimates) const;

  Clock& clock_;
  Fleet& fleet_;
  EngineMaker engines_;
  engine::Places places_;
  FleetFiles files_;
  std::stop_token stop_;
  std::unique_ptr<FileRecord> record_;
  std::vector<fleet::Entry> entries_;
  std::map<std::string, fleet::Unclear> unclear_;  ///< what `begin` could not find out
};

}  // namespace godwit::hosts
