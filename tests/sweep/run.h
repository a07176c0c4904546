#pragma once

#include <optional>
#include <string>

/// What is swept: a fault at a moment of a migration.

namespace godwit::e2e {

enum class Fault {
  kDestinationDies,
  kSourceDies,
  kStreamCut,
  kGodwitKilled,
  kDestinationsMonitorLost,
  kSourcesMonitorLost,
  kDestinationsMonitorMute,
  kSourcesMonitorMute,
  // with shares of disks
  kLinkCutAndBack,
  kLinkCut,
  kDiskFull,
  // with control laws
  kLinkDeadAndBack,
  kOutOfMemory,
  kRelayKilled,
};
enum class Moment { kEarly, kSwitchover, kPostcopy, kCopying, kMemory, kRest, kSteered };

/// The disk of a migration that copies a share of it beforehand.
struct DiskShare {
  double share = 1;      ///< Zhang's S; 1: QEMU's mirror
  std::string format{};  ///< of the source's: "raw", "qcow2"
};

struct Run {
  Fault fault;
  std::string technique;
  Moment moment;
  std::optional<DiskShare> disk{};
  std::string law{};  ///< empty: none was asked for
};

/// What one run came to. `wrong` is empty where all is well.
struct Row {
  std::string status = "-";
  std::string vm_runs_on = "-";
  std::string truth = "-";
  double two_ran_s = 0;
  std::string settings = "-";
  std::string disks = "-";   ///< compared byte by byte
  bool lost_unsaid = false;  ///< the guest runs nowhere, or dead, and the outcome claims otherwise
  std::string wrong;
};

/// For people.
const char* name(Fault fault);
const char* name(Moment moment);

/// Between two hosts with a forwarder, which carries stream and mirrors.
Row try_by_stream(const Run& run);
/// By shares of disks, on hosts of their own with a cable between them.
Row try_with_share(const Run& run);
/// By a control law, over a link that the guest outruns.
Row try_by_law(const Run& run);

}  // namespace godwit::e2e
