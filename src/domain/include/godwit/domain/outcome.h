#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "godwit/base/units.h"
#include "godwit/domain/guest_profile.h"
#include "godwit/domain/link.h"
#include "godwit/domain/migration_plan.h"
#include "godwit/domain/order.h"
#include "godwit/domain/prediction.h"

namespace godwit {

enum class OutcomeStatus { kCompleted, kCancelled, kFailed, kDidNotConverge };
[[nodiscard]] std::string_view to_string(OutcomeStatus status);
[[nodiscard]] std::optional<OutcomeStatus> outcome_status_from_string(std::string_view name);

/// Where the VM runs. Every outcome states it, failures too.
enum class VmRunsOn { kSource, kDestination, kBothPaused, kUnknown };
[[nodiscard]] std::string_view to_string(VmRunsOn where);
[[nodiscard]] std::optional<VmRunsOn> vm_runs_on_from_string(std::string_view name);

/// Downtime by kind. Kinds are never mixed or averaged.
struct Downtime {
  std::optional<Seconds> qemu;    ///< as QEMU reports it
  std::optional<Seconds> events;  ///< STOP on the source to RESUME on the destination
  std::optional<Seconds> probe;   ///< longest gap that a client saw, less its usual gap
  friend bool operator==(const Downtime&, const Downtime&) = default;
};

/// One pre-copy round, between two dirty-bitmap syncs.
struct RoundRecord {
  int number = 0;     ///< 1 is the first pass
  Seconds started{};  ///< since the start of the migration
  Seconds duration{};
  Bytes sent;                 ///< on the stream in this round, as QEMU counts
  std::optional<Bytes> left;  ///< still dirty when the round ended, after the sync
  /// In unique pages, by the guest, during the round; absent where its two syncs were not seen.
  std::optional<Bytes> dirtied{};
  /// Of one CPU, by each of the source's vCPUs, during the round; empty where nobody counted it.
  std::vector<Ratio> vcpu_used{};
  EndForecast then{};  ///< of the rest, when it had ended and what it led to was ordered
  friend bool operator==(const RoundRecord&, const RoundRecord&) = default;
};

struct TransferredBytes {
  std::optional<Bytes> qemu;  ///< as QEMU counts; memory and devices, not mirrored disks
  std::optional<Bytes> wire;  ///< interface counters of the migration network
  friend bool operator==(const TransferredBytes&, const TransferredBytes&) = default;
};

/// What became of the guest, as far as anyone could look.
struct GuestOutcome {
  std::optional<Ratio> slowdown;       ///< work lost while migrating, against the time before
  std::optional<Seconds> longest_gap;  ///< of the guest's own clock
  std::optional<bool> alive;           ///< absent: nobody could look
  std::string evidence;                ///< what "alive" rests on, in one sentence
  friend bool operator==(const GuestOutcome&, const GuestOutcome&) = default;
};

/// The disks' part of a migration that took them along.
struct StorageOutcome {
  int disks = 0;
  /// What was copied before the switchover, with what was written again. Of mirrors the disks'
  /// size, empty parts included.
  Bytes mirrored;
  /// From the start to all mirrors being ready, when memory's turn came; the outcome's total time
  /// less this is the memory's. Absent: they never were.
  std::optional<Seconds> ready_after;
  /// From the guest's stop until its disks at the destination were whole; a part of the downtime.
  std::optional<Seconds> finish;
  /// Absent: all was to be copied before the switchover, by mirrors.
  std::optional<Ratio> precopy_share{};
  /// Copied, and given up again at the switchover, as the guest had written to it since.
  std::optional<Bytes> discarded{};
  /// From the switchover until the destination had all, and did not need the source any more (of
  /// Zhang's remote uptime the disks' part). Absent: it needs it still, or never did.
  std::optional<Seconds> independent_after{};
  friend bool operator==(const StorageOutcome&, const StorageOutcome&) = default;
};

/// The law that orders nothing of its own: QEMU as it is.
inline constexpr std::string_view kNoLaw = "none";

struct Requested {
  std::string technique;  ///< as asked for: a technique's name, "auto" or "auto+storage"
  std::string law{kNoLaw};
  Intent intent{};            ///< what a law steered to
  bool observe_only = false;  ///< the law decided, and nothing was ordered
  friend bool operator==(const Requested&, const Requested&) = default;
};

/// All that is learnt from.
struct MigrationOutcome {
  OutcomeStatus status = OutcomeStatus::kFailed;
  VmRunsOn vm_runs_on = VmRunsOn::kUnknown;
  std::string reason;                ///< why it ended as it did; empty when completed
  std::vector<std::string> remarks;  ///< what else happened that a person should know
  Technique technique;               ///< the one that finished it
  Requested requested;
  MigrationParameters parameters;
  /// From `migrate` accepted, or from the mirrors' start, to the end on the source.
  std::optional<Seconds> total_time;
  Downtime downtime;
  TransferredBytes transferred;
  std::vector<RoundRecord> rounds;
  std::vector<AppliedOrder> orders;  ///< of the control law, with what came of them
  GuestOutcome guest;
  std::optional<StorageOutcome> storage;  ///< absent: the disks stayed where they are
  /// Longest time in which the link carried nothing while post-copy had split the guest over both
  /// hosts: whatever it needed of the source it waited for. Absent: never for long.
  std::optional<Seconds> postcopy_standstill;
  /// Nothing that was borrowed of either side (settings, mirrors, servers) is left there. Absent in
  /// outcomes of older versions.
  std::optional<bool> given_back;
  /// Can the destination's QEMU receive another migration? Absent: it has the VM, or nobody could
  /// ask.
  std::optional<bool> destination_usable;
  std::int64_t started_wall_us = 0;  ///< microseconds since 1970, UTC

  friend bool operator==(const MigrationOutcome&, const MigrationOutcome&) = default;
};

/// Did a law change its course, so that what was planned explains no more how it went? Post-copy
/// after the first pass is what a plan of hybrid copy orders, too.
[[nodiscard]] bool was_steered(const MigrationOutcome& outcome);

/// An outcome with all that was known before it: one row of the store.
struct OutcomeRecord {
  std::int64_t id = 0;  ///< given by the store
  std::string source;   ///< addresses as the user wrote them
  std::string destination;
  std::optional<Link> link;
  std::optional<GuestProfile> profile;
  std::optional<Prediction> predicted;
  MigrationOutcome outcome;
  friend bool operator==(const OutcomeRecord&, const OutcomeRecord&) = default;
};

}  // namespace godwit
