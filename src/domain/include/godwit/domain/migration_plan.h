#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "godwit/base/units.h"
#include "godwit/domain/technique.h"

namespace godwit {

/// QEMU's migration parameters that Godwit sets; absent = leave the hypervisor's own value.
struct MigrationParameters {
  std::optional<BytesPerSecond> max_bandwidth;
  std::optional<BytesPerSecond> max_postcopy_bandwidth;
  std::optional<BytesPerSecond> avail_switchover_bandwidth;
  std::optional<Seconds> downtime_limit;
  std::optional<Bytes> xbzrle_cache;
  std::optional<int> multifd_channels;
  std::optional<std::string> multifd_compression;  ///< "none", "zlib", "zstd"; as the codec says
  std::optional<int> throttle_initial_percent;
  std::optional<int> throttle_increment_percent;
  std::optional<int> max_throttle_percent;
  /// Hybrid and post-copy: share of RAM that is pre-copied before the switch (Zhang's M).
  std::optional<Ratio> precopy_share;
  /// With +storage: share of what the disks hold that is copied before the guest moves (Zhang's S);
  /// the rest follows afterwards. Absent, as 1: all of it.
  std::optional<Ratio> precopy_storage{};
  /// Hybrid and post-copy: pages that the guest waits for go over a connection of their own
  /// (postcopy-preempt, QEMU 7.1).
  std::optional<bool> postcopy_preempt;

  friend bool operator==(const MigrationParameters&, const MigrationParameters&) = default;
};

/// A part of the disks follows the guest, which needs both hosts until it has come.
[[nodiscard]] inline bool leaves_disks_behind(const MigrationParameters& parameters) {
  return parameters.precopy_storage && parameters.precopy_storage->value() < 1;
}

/// What the user wants; absent = no wish.
struct Intent {
  enum class Prefer { kDowntime, kTime, kBytes, kGuest, kAgility };

  std::optional<Seconds> max_downtime;
  std::optional<Seconds> max_time;
  std::optional<Ratio> max_slowdown;
  std::optional<Bytes> max_bytes;
  bool no_postcopy = false;
  Prefer prefer = Prefer::kDowntime;
  Ratio confidence{0.9};  ///< how likely a time that was asked for must be kept

  friend bool operator==(const Intent&, const Intent&) = default;
};
/// Is anything wanted that a control law could strive for? That post-copy is excluded is none.
[[nodiscard]] bool has_goal(const Intent& intent);
[[nodiscard]] std::string_view to_string(Intent::Prefer prefer);
[[nodiscard]] std::optional<Intent::Prefer> prefer_from_string(std::string_view name);

/// A disk that moves, by its name (Disk::device) on either side.
struct MovedDisk {
  std::string source;
  std::string destination;
  friend bool operator==(const MovedDisk&, const MovedDisk&) = default;
};

/// All that control is told.
struct MigrationPlan {
  Technique technique;
  MigrationParameters parameters;
  std::optional<Seconds> max_time;   ///< cancel (did_not_converge) when it takes longer
  Intent intent{};                   ///< what a control law steers to
  bool may_end_by_postcopy = false;  ///< a law may switch to it, whatever the technique
  /// Technique and limits were chosen by a prediction that was shown: a law that can tell leaves
  /// them as they are for as long as they keep the intent.
  bool is_promised = false;
  bool tls = false;  ///< libvirt is to encrypt it; of a bare QEMU its tls-creds say so
  std::vector<MovedDisk> moved_disks{};  ///< which disks move, where the technique takes them along

  friend bool operator==(const MigrationPlan&, const MigrationPlan&) = default;
};

}  // namespace godwit
