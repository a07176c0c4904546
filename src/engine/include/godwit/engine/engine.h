#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "context.h"
#include "godwit/advise/advise.h"
#include "godwit/control/migration_run.h"
#include "godwit/control/preflight.h"
#include "godwit/domain/link.h"
#include "godwit/domain/outcome.h"
#include "godwit/domain/ports.h"
#include "godwit/profile/observe.h"
#include "same_files.h"
#include "session.h"

/// The main job, step by step: profile, predict, choose, migrate, keep. `migrate` and `demo` are
/// both made of it.

namespace godwit::cli {

/// Who takes part, opened and ready.
struct Parties {
  std::string source_name;  ///< as the user wrote it
  std::string destination_name;
  OpenVm source;
  OpenVm destination;
  std::string listen;                  ///< where the destination is to listen
  std::string stream;                  ///< where the source connects to
  bool can_postcopy = true;            ///< false where it is known that the host forbids it
  std::unique_ptr<OutageProbe> probe;  ///< may be null, as the next two
  std::unique_ptr<GuestCheck> check;
  std::unique_ptr<WireCounter> wire;
};

/// What the user wants.
struct Wishes {
  Intent intent;
  std::string technique = "auto";  ///< or a technique's name; either may end in "+storage"
  std::string law = "none";
  std::optional<Link> link;  ///< absent: estimated, and QEMU is not held to it
  bool profile = true;       ///< without one nothing is predicted, and "auto" is plain pre-copy
  Seconds observe{8};
  bool rehearse = false;           ///< besides; where it fails the profile does without
  MigrationParameters parameters;  ///< fixed, whatever would be advised
  bool keep = true;                ///< in the store of outcomes
  std::string store;               ///< its place; empty: the default one
  std::function<void(const control::Progress&)> on_progress{};  ///< besides the bar
};

/// Observes a VM with a progress bar, at most with so much of one CPU. The profile carries `name`.
Result<GuestProfile> observe_vm(OpenVm& vm, const std::string& name, Seconds duration,
                                Context& context,
                                Ratio cpu_cap = profile::ObserveOptions{}.cpu_cap);

/// Prints and returns the whole record; its id is the store's.
class Journey {
 public:
  Journey(Parties parties, Wishes wishes, Context& context);

  /// Runs to the end and prints what a person wants to see on the way. An Error means that the VM
  /// was not touched; `record().predicted` may be there all the same.
  Result<OutcomeRecord> go();
  [[nodiscard]] const OutcomeRecord& record() const { return record_; }

 private:
  Result<void> look_before();
  Result<void> check_wishes_without_profile() const;
  Result<void> look_at_history();
  Result<void> check_both_sides(const MigrationPlan& plan);
  [[nodiscard]] bool may_postcopy(const MigrationPlan& plan) const;
  void look_at_disks(const control::PreflightFacts& facts);
  [[nodiscard]] std::string memory_technique() const;
  [[nodiscard]] bool chooses_itself() const;
  [[nodiscard]] bool moves_disks() const;
  void expect_disks();
  [[nodiscard]] Result<advise::Advised> predict_all(advise::Question question) const;
  Result<void> predict();
  Result<void> rehearse();
  Result<MigrationPlan> choose();
  [[nodiscard]] Error refusal(Error error) const;
  Result<void> choose_technique(MigrationPlan& plan);
  Result<std::optional<TechniquePrediction>> expect(Technique technique) const;
  Result<void> migrate(const MigrationPlan& plan);
  void keep();

  Parties parties_;
  Wishes wishes_;
  Context& context_;
  std::unique_ptr<OutcomeStore> store_;
  std::shared_ptr<const learn::LearntModel> learnt_;
  advise::Question question_;
  advise::Advised advised_;
  std::optional<std::string> no_postcopy_;  ///< why the destination may not do it
  std::set<std::string> warned_;            ///< each warning is given once
  SameContents contents_;
  std::vector<Disk> moved_disks_;                ///< by +storage, of the source's
  std::optional<Seconds> mirror_time_;           ///< of disks that move, where it is known
  std::optional<TechniquePrediction> expected_;  ///< of the plan that is run
  OutcomeRecord record_;
};

/// `{"outcome", "predicted", "profile", "id"}` as the contract has it.
[[nodiscard]] Json journey_json(const OutcomeRecord& record);
/// Prints how it ended and gives the exit status; what was predicted is shown even where nothing
/// was run.
int print_journey(const Result<OutcomeRecord>& done, const OutcomeRecord& so_far, Context& context);
/// 0 when it completed and the guest is well.
[[nodiscard]] int exit_status(const MigrationOutcome& outcome);

}  // namespace godwit::cli
