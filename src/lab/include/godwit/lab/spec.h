#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "godwit/base/error.h"
#include "godwit/base/units.h"
#include "godwit/domain/link.h"

namespace godwit::lab {

/// The lab that is meant when nobody names one.
inline constexpr std::string_view kDefaultLab = "lab";
/// The network namespace (besides the hosts') in which the service network's client lives.
inline constexpr std::string_view kClient = "client";

/// What `up` builds. Names (of labs, hosts and guests): 1–16 of a–z, 0–9 and _, a letter first.
struct LabSpec {
  std::string name{kDefaultLab};
  std::vector<std::string> hosts{"a", "b"};  ///< 2–16
  /// What one TCP connection carries from one host to another, as QEMU counts its stream:
  /// 1 MB/s – 1 GB/s (what the kernel here can still shape).
  BytesPerSecond migration_rate{40e6};
  /// Of the migration network, as a ping measures it: 1 ms - 1 s; 0: as short as it is by itself.
  Seconds round_trip{0};
  friend bool operator==(const LabSpec&, const LabSpec&) = default;
};

/// The migration network as it was asked for.
Link migration_link(const LabSpec& spec);

/// A guest and where it starts.
struct GuestSpec {
  std::string name = "guest";
  std::string host = "a";
  Bytes ram{256LL << 20};  ///< whole MiB, at least 96 MiB
  int vcpus = 1;           ///< 1–16
  std::string load =
      "idle";  ///< as `guest-load --load` takes it, e.g. "memory-write,set=64MiB,rate=10MB/s"
  /// A second drive, raw and empty: whole MiB. All its QEMUs share it, unless each host has one of
  /// its own, which begins empty: then a migration must take the disk's content along.
  std::optional<Bytes> disk{};
  bool own_disks = false;
  /// A read-only drive with real programs, for loads of the kind `program`: these need it, and it
  /// stays as it is when the load changes.
  bool programs = false;
  /// Each host's own disk is an empty qcow2 image of compat=0.10 instead, of which a share can be
  /// moved beforehand and the rest afterwards. Needs qemu-img.
  bool qcow2 = false;
  friend bool operator==(const GuestSpec&, const GuestSpec&) = default;
};

/// kBadInput that says what is wrong and what is allowed. A load's inside is not looked at: the
/// guest's own program says what is wrong with it, and `wait_ready` hands that on.
Result<void> validate(const LabSpec& spec);
Result<void> validate(const GuestSpec& spec);
/// Whether one of the loads is of the kind `program`.
bool runs_programs(std::string_view load);
Result<void> validate_name(std::string_view what, std::string_view name);

}  // namespace godwit::lab
