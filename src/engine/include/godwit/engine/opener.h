#pragma once

#include <memory>
#include <optional>
#include <string>

#include "context.h"
#include "godwit/domain/address.h"
#include "godwit/domain/hypervisor.h"
#include "godwit/domain/ports.h"
#include "godwit/lab/lab.h"
#include "godwit/qmp/vm_lock.h"

namespace godwit::cli {

/// A VM that a command talks to.
struct OpenVm {
  std::unique_ptr<Hypervisor> hypervisor;
  VmDescription description;
  std::optional<qmp::VmLock> lock;  ///< held by who will change something
};

enum class Access { kObserve, kDrive };

/// Connects and asks what it is. With kDrive, takes the lock that keeps other Godwits off.
Result<OpenVm> open_vm(const std::string& qmp_socket, Clock& clock, Access access);

/// The QMP socket behind an address; for a lab guest the one for onlookers or for who drives it.
Result<std::string> socket_of(const VmAddress& address, const std::string& lab, Access access);

/// Its memory, to be read from outside. Where that can't be, because who answers is not QEMU or a
/// right is missing, the error says how the VM can be migrated all the same.
Result<std::unique_ptr<GuestMemory>> open_memory(Hypervisor& hypervisor);

/// Memory that a QEMU may still take: free now, and what it holds already. Absent where it runs on
/// another host (`pid` 0), whose memory nobody asks here.
std::optional<Bytes> memory_for(std::int64_t pid);

/// Can what a migration leaves behind be kept: its journal, and its outcome where `keep` is set?
/// Asked before anything is touched. `store` as of `open_store`.
Result<void> check_places(bool keep, const std::string& store);

/// `--store`, or the default place.
Result<std::unique_ptr<OutcomeStore>> open_store(const std::string& path);

/// Which lab a VM's address means, for entering an ordinary user's namespaces.
std::optional<LabEntry> lab_entry_of(const std::string& vm, const std::string& lab);

}  // namespace godwit::cli
