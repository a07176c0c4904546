#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "godwit/domain/cpu_quota.h"
#include "godwit/domain/disk_sharing.h"
#include "godwit/domain/hypervisor.h"
#include "godwit/domain/ports.h"
#include "godwit/domain/stream_carrier.h"

namespace godwit::pair {

/// One VM process that takes part, as the journal names it.
struct End {
  std::string name{};  ///< as the user wrote it
  std::int64_t pid = 0;
  std::int64_t started = 0;  ///< VmDescription::process_started
  std::string identity{};    ///< VmDescription::identity
};

/// The two hypervisors of one migration.
struct Ends {
  Hypervisor& source;
  Hypervisor& destination;
  std::string stream{};                 ///< where the source connects to: "tcp:10.78.0.2:4444"
  std::optional<std::string> listen{};  ///< where the destination listens, if not at `stream`
  Journal* journal = nullptr;           ///< null: nothing is written down
  CpuQuota* cpu_quota = nullptr;  ///< of the source; null: its vCPUs can't be slowed down from here
  /// Null: the source connects to `stream` itself. Else this paces it, and QEMU does not.
  StreamCarrier* carrier = nullptr;
  DiskCopier* disk_copier = nullptr;  ///< null: no share of the disks can be copied
  End source_end{};
  End destination_end{};
};

}  // namespace godwit::pair
