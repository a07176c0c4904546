#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "godwit/base/error.h"
#include "godwit/domain/address.h"
#include "godwit/domain/disk_sharing.h"
#include "godwit/domain/hypervisor.h"
#include "godwit/domain/ports.h"
#include "godwit/domain/stream_carrier.h"
#include "godwit/engine/manager.h"

namespace godwit::engine {

/// Held by who drives a VM: no other Godwit does meanwhile.
class DriverLock {
 public:
  DriverLock() = default;
  DriverLock(const DriverLock&) = delete;
  DriverLock& operator=(const DriverLock&) = delete;
  virtual ~DriverLock() = default;
};

enum class Access {
  kObserve,  ///< nothing is changed
  kDrive,    ///< settings are changed, the VM is migrated: takes the lock
};

/// A VM that is connected to.
struct OpenVm {
  std::shared_ptr<Hypervisor> hypervisor;
  VmDescription description;
  Access access = Access::kObserve;
  std::unique_ptr<DriverLock> lock;  ///< with kDrive, where the process is known
};

/// The engine's way to VMs and what is around them. The engine knows no other, so a test hands it
/// its own. One thread.
class Opener {
 public:
  Opener() = default;
  Opener(const Opener&) = delete;
  Opener& operator=(const Opener&) = delete;
  virtual ~Opener() = default;

  /// The monitor (a socket's path) of a VM. kNotFound when there is no such VM.
  virtual Result<std::string> monitor_of(const VmAddress& address, Access access) = 0;
  /// Likewise of a side of a migration that the journal tells of; nothing where it isn't known.
  virtual std::optional<std::string> monitor_of(const JournalEntry& entry, Side side) = 0;

  /// Errors as the adapter's: kNotFound, kBusy (somebody else is connected), kTimeout, kPeerGone.
  virtual Result<std::shared_ptr<Hypervisor>> connect(const std::string& monitor) = 0;
  /// kBusy while another Godwit drives the VM of that process.
  virtual Result<std::unique_ptr<DriverLock>> lock(std::int64_t pid) = 0;

  /// The VM's memory, to be read from outside. kPermission where a right is missing.
  virtual Result<std::unique_ptr<GuestMemory>> memory_of(Hypervisor& vm) = 0;
  /// What counts its disks', network's and processor's work. `vm` outlives it.
  virtual std::unique_ptr<ActivityCounter> activity_of(Hypervisor& vm, std::int64_t pid) = 0;

  /// What gives a VM's vCPUs less time. kUnsupported where its process can't be seen from here.
  virtual Result<std::unique_ptr<CpuQuota>> cpu_quota_of(const VmDescription& vm) = 0;
  /// Gives back what a Godwit that was killed had borrowed of this host.
  virtual Result<void> give_back_cpu(const LentCpu& lent) = 0;

  /// A relay beside the VM that carries its migration to that stream. kUnsupported where the VM is
  /// on another host, kBadInput for a stream that is no TCP.
  virtual Result<std::unique_ptr<StreamCarrier>> relay_to(const std::string& stream,
                                                          const VmDescription& source) = 0;

  /// What a ping takes from beside the VM to that stream's host and back. Nothing where the VM is
  /// on another host, the stream is no TCP to an IPv4 address, or no ping is answered.
  virtual std::optional<Seconds> round_trip_to(const std::string& stream,
                                               const VmDescription& source) {
    (void)stream, (void)source;
    return std::nullopt;
  }

  /// libvirt, for a domain that was connected to and the host that it is to move to. kPeerGone
  /// where no daemon answers there.
  virtual Result<std::unique_ptr<Manager>> manager_of(const std::shared_ptr<Hypervisor>& source,
                                                      const LibvirtHost& destination) {
    (void)source, (void)destination;
    return fail(ErrorCode::kUnsupported, "libvirt is not known here");
  }

  /// What copies shares of the VM's disks from beside it. kUnsupported as above.
  virtual Result<std::unique_ptr<DiskCopier>> disk_copier_of(const VmDescription& source) {
    (void)source;
    return fail(ErrorCode::kUnsupported, "no share of a disk can be copied from here");
  }
};

}  // namespace godwit::engine
