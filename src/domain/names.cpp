#include "names.h"

#include "godwit/domain/guest_profile.h"
#include "godwit/domain/hypervisor.h"
#include "godwit/domain/migration_plan.h"
#include "godwit/domain/outcome.h"

namespace godwit {
namespace {

constexpr detail::Names<DirtySource, 4> kSources{{{DirtySource::kContentHash, "content-hash"},
                                                  {DirtySource::kRehearsal, "rehearsal"},
                                                  {DirtySource::kDirtyBitmap, "dirty-bitmap"},
                                                  {DirtySource::kDirtyRing, "dirty-ring"}}};

constexpr detail::Names<Intent::Prefer, 5> kPreferences{{{Intent::Prefer::kDowntime, "downtime"},
                                                         {Intent::Prefer::kTime, "time"},
                                                         {Intent::Prefer::kBytes, "bytes"},
                                                         {Intent::Prefer::kGuest, "guest"},
                                                         {Intent::Prefer::kAgility, "agility"}}};

constexpr detail::Names<OutcomeStatus, 4> kStatuses{
    {{OutcomeStatus::kCompleted, "completed"},
     {OutcomeStatus::kCancelled, "cancelled"},
     {OutcomeStatus::kFailed, "failed"},
     {OutcomeStatus::kDidNotConverge, "did_not_converge"}}};

constexpr detail::Names<VmRunsOn, 4> kPlaces{{{VmRunsOn::kSource, "source"},
                                              {VmRunsOn::kDestination, "destination"},
                                              {VmRunsOn::kBothPaused, "both_paused"},
                                              {VmRunsOn::kUnknown, "unknown"}}};

constexpr detail::Names<RunState, 11> kRunStates{{{RunState::kRunning, "running"},
                                                  {RunState::kPaused, "paused"},
                                                  {RunState::kPrelaunch, "prelaunch"},
                                                  {RunState::kInmigrate, "inmigrate"},
                                                  {RunState::kPostmigrate, "postmigrate"},
                                                  {RunState::kFinishMigrate, "finish-migrate"},
                                                  {RunState::kShutdown, "shutdown"},
                                                  {RunState::kSuspended, "suspended"},
                                                  {RunState::kIoError, "io-error"},
                                                  {RunState::kBroken, "broken"},
                                                  {RunState::kOther, "other"}}};

constexpr detail::Names<MigrationPhase, 12> kPhases{
    {{MigrationPhase::kNone, "none"},
     {MigrationPhase::kSetup, "setup"},
     {MigrationPhase::kActive, "active"},
     {MigrationPhase::kPreSwitchover, "pre-switchover"},
     {MigrationPhase::kDevice, "device"},
     {MigrationPhase::kPostcopyActive, "postcopy-active"},
     {MigrationPhase::kPostcopyPaused, "postcopy-paused"},
     {MigrationPhase::kCompleted, "completed"},
     {MigrationPhase::kCancelling, "cancelling"},
     {MigrationPhase::kCancelled, "cancelled"},
     {MigrationPhase::kFailed, "failed"},
     {MigrationPhase::kOther, "other"}}};

constexpr detail::Names<Capability, 10> kCapabilities{
    {{Capability::kEvents, "events"},
     {Capability::kReturnPath, "return-path"},
     {Capability::kAutoConverge, "auto-converge"},
     {Capability::kXbzrle, "xbzrle"},
     {Capability::kCompress, "compress"},
     {Capability::kMultifd, "multifd"},
     {Capability::kPostcopyRam, "postcopy-ram"},
     {Capability::kPostcopyPreempt, "postcopy-preempt"},
     {Capability::kPauseBeforeSwitchover, "pause-before-switchover"},
     {Capability::kSwitchoverAck, "switchover-ack"}}};

}  // namespace

std::string_view to_string(DirtySource source) {
  return detail::name_of(kSources, source);
}
std::optional<DirtySource> dirty_source_from_string(std::string_view name) {
  return detail::value_of(kSources, name);
}

bool has_goal(const Intent& intent) {
  return intent.max_downtime || intent.max_time || intent.max_slowdown || intent.max_bytes ||
         intent.prefer != Intent::Prefer::kDowntime;
}
std::string_view to_string(Intent::Prefer prefer) {
  return detail::name_of(kPreferences, prefer);
}
std::optional<Intent::Prefer> prefer_from_string(std::string_view name) {
  return detail::value_of(kPreferences, name);
}

std::string_view to_string(OutcomeStatus status) {
  return detail::name_of(kStatuses, status);
}
std::optional<OutcomeStatus> outcome_status_from_string(std::string_view name) {
  return detail::value_of(kStatuses, name);
}

std::string_view to_string(VmRunsOn where) {
  return detail::name_of(kPlaces, where);
}
std::optional<VmRunsOn> vm_runs_on_from_string(std::string_view name) {
  return detail::value_of(kPlaces, name);
}

std::string_view to_string(RunState state) {
  return detail::name_of(kRunStates, state);
}
std::string_view to_string(MigrationPhase phase) {
  return detail::name_of(kPhases, phase);
}
bool is_final(MigrationPhase phase) {
  return phase == MigrationPhase::kCompleted || phase == MigrationPhase::kCancelled ||
         phase == MigrationPhase::kFailed;
}
std::string_view to_string(Capability capability) {
  return detail::name_of(kCapabilities, capability);
}
std::optional<Capability> capability_from_string(std::string_view name) {
  return detail::value_of(kCapabilities, name);
}

}  // namespace godwit
