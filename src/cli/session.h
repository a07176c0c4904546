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

/// Its memory, to be read from outside.
Result<std::unique_ptr<GuestMemory>> open_memory(Hypervisor& hypervisor);

/// Memory that a QEMU on this machine may still take: free now, and what it holds already.
std::optional<Bytes> memory_for(std::int64_t pid);

/// Which lab a VM's address means, for entering an ordinary user's namespaces.
std::optional<LabEntry> lab_entry_of(const std::string& vm, const std::string& lab);

}  // namespace godwit::cli
