#include "godwit/control/cold_migration.h"

#include <fmt/format.h>

#include "godwit/control/journal_step.h"
#include "guest_exam.h"
#include "outside_view.h"

namespace godwit::control {
namespace {

constexpr Seconds kForever{7 * 24 * 3600};

OutcomeStatus status_after(const Error& error) {
  if (error.code == ErrorCode::kInterrupted) return OutcomeStatus::kCancelled;
  if (error.code == ErrorCode::kTimeout) return OutcomeStatus::kDidNotConverge;
  return OutcomeStatus::kFailed;
}

class ColdRun {
 public:
  ColdRun(Clock& clock, const ColdParties& parties, const MigrationPlan& plan)
      : clock_(clock),
        parties_(parties),
        plan_(plan),
        outside_(parties.probe, parties.wire),
        exam_(clock, parties.check, parties.probe) {}

  Result<MigrationOutcome> run(const ColdMover::OnCopied& on_copied, const std::stop_token& stop);

 private:
  Result<void> prepare(const std::stop_token& stop);
  void move(const ColdMover::OnCopied& on_copied, const std::stop_token& stop);
  void go_back(OutcomeStatus status, const Error& why);
  void measure();
  void note(std::string_view step);

  Clock& clock_;
  const ColdParties& parties_;
  const MigrationPlan& plan_;
  OutsideView outside_;
  GuestExam exam_;
  MigrationOutcome outcome_;
  TimePoint started_{};
};

Result<MigrationOutcome> ColdRun::run(const ColdMover::OnCopied& on_copied,
                                      const std::stop_token& stop) {
  GODWIT_CHECK_OK(prepare(stop));
  move(on_copied, stop);
  measure();
  const bool known = outcome_.vm_runs_on != VmRunsOn::kUnknown;
  note(known ? "done" : "left unknown");
  return outcome_;
}

/// Everything that can fail without touching the guest.
Result<void> ColdRun::prepare(const std::stop_token& stop) {
  GODWIT_CHECK_OK(outside_.start_probe());
  if (stop.stop_requested()) {
    return fail(ErrorCode::kInterrupted, "interrupted before the migration began",
                "the VM was not touched; run the command again");
  }
  outside_.mark_wire();
  outcome_.technique = plan_.technique;
  outcome_.requested = {to_string(plan_.technique)};
  outcome_.parameters = plan_.parameters;
  outcome_.started_wall_us = clock_.wall_us();
  started_ = clock_.now();
  return {};
}

void ColdRun::move(const ColdMover::OnCopied& on_copied, const std::stop_token& stop) {
  note("shutting down");
  if (const auto down = parties_.mover.shut_down(); !down) {
    return go_back(OutcomeStatus::kFailed, down.error());
  }
  note("copying");
  const Seconds left = plan_.max_time.value_or(kForever) - (clock_.now() - started_);
  if (const auto copied = parties_.mover.copy_disks(left, on_copied, stop); !copied) {
    return go_back(status_after(copied.error()), copied.error());
  }
  note("booting");
  if (const auto booted = parties_.mover.boot(Side::kDestination); !booted) {
    return go_back(OutcomeStatus::kFailed, booted.error());
  }
  outcome_.total_time = clock_.now() - started_;
  outcome_.status = OutcomeStatus::kCompleted;
  outcome_.vm_runs_on = VmRunsOn::kDestination;
  outcome_.guest = exam_.after(Side::kDestination, clock_.wall_us());
  if (outcome_.guest.alive != std::optional(false)) return;
  outcome_.status = OutcomeStatus::kFailed;
  outcome_.reason = "the guest is not well on the destination: " + outcome_.guest.evidence;
}

/// The guest's disks are at the source still: there it goes on.
void ColdRun::go_back(OutcomeStatus status, const Error& why) {
  outcome_.status = status;
  outcome_.reason = why.message;
  note("going back");
  const auto there = parties_.mover.runs_at_source();
  auto booted = there && *there ? Result<void>() : parties_.mover.boot(Side::kSource);
  if (booted) {
    outcome_.total_time = clock_.now() - started_;
    outcome_.vm_runs_on = VmRunsOn::kSource;
    outcome_.guest = exam_.after(Side::kSource, clock_.wall_us());
    return;
  }
  outcome_.status = OutcomeStatus::kFailed;
  outcome_.vm_runs_on = VmRunsOn::kUnknown;
  outcome_.guest.evidence = "not examined";
  outcome_.reason += "; nor could it be booted at the source again: " + booted.error().message;
}

void ColdRun::measure() {
  outcome_.transferred.wire = outside_.sent();
  const auto outage = outside_.outage();
  if (outcome_.status == OutcomeStatus::kCompleted) outcome_.downtime.probe = outage;
}

void ColdRun::note(std::string_view step) {
  JournalEntry entry;
  entry.source = parties_.source_name;
  entry.destination = parties_.destination_name;
  entry.step = step;
  (void)record_step(parties_.journal, clock_, std::move(entry));
}

}  // namespace

Result<MigrationOutcome> run_cold_migration(Clock& clock, const ColdParties& parties,
                                            const MigrationPlan& plan,
                                            const ColdMover::OnCopied& on_copied,
                                            std::stop_token stop) {
  if (!is_cold(plan.technique)) {
    return fail(ErrorCode::kBadInput,
                fmt::format("{} is no cold migration", to_string(plan.technique)));
  }
  return ColdRun(clock, parties, plan).run(on_copied, stop);
}

}  // namespace godwit::control
