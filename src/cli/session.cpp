#include "session.h"

#include <fmt/format.h>

#include <fstream>
#include <string_view>

#include "godwit/base/log.h"
#include "godwit/guestmem/process_guest_memory.h"
#include "godwit/qmp/qmp_hypervisor.h"
#include "recover.h"

namespace godwit::cli {
namespace {

/// The value of a "Key:   123 kB" line of a /proc file.
std::optional<Bytes> kilobytes_in(const std::string& path, std::string_view key) {
  std::ifstream file(path);
  std::string name;
  std::int64_t value = 0;
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with(key)) continue;
    value = std::strtoll(line.c_str() + key.size(), nullptr, 10);
    return 1_KiB * value;
  }
  return std::nullopt;
}

}  // namespace

Result<OpenVm> open_vm(const std::string& qmp_socket, Clock& clock, Access access) {
  log::debug("connecting to {}", qmp_socket);
  OpenVm vm;
  GODWIT_TRY(vm.hypervisor, qmp::QmpHypervisor::connect(qmp_socket, clock));
  GODWIT_TRY(vm.description, vm.hypervisor->describe());
  if (access == Access::kDrive && vm.description.pid != 0) {
    GODWIT_TRY(vm.lock, qmp::VmLock::acquire(vm.description.pid));
  }
  if (access == Access::kDrive) {
    recover_before_driving(*vm.hypervisor, vm.description, qmp_socket, clock);
  }
  return vm;
}

Result<std::string> socket_of(const VmAddress& address, const std::string& lab, Access access) {
  if (const auto* qmp = std::get_if<QmpVm>(&address)) return qmp->socket;
  GODWIT_TRY(const lab::GuestStatus guest, lab::find_guest(lab, std::get<LabVm>(address).name));
  if (guest.instances.empty() || guest.instances.front().pid == 0) {
    return fail(ErrorCode::kNotFound, fmt::format("guest {} does not run", guest.spec.name),
                "start a lab anew: godwit lab down, godwit lab up");
  }
  const lab::Instance& current = guest.instances.front();
  return access == Access::kDrive ? current.qmp : current.observer_qmp;
}

Result<std::unique_ptr<GuestMemory>> open_memory(Hypervisor& hypervisor) {
  GODWIT_TRY(RamLayout layout, hypervisor.ram_layout());
  GODWIT_TRY(auto memory, guestmem::ProcessGuestMemory::open(std::move(layout)));
  return std::unique_ptr<GuestMemory>(std::move(memory));
}

std::optional<Bytes> memory_for(std::int64_t pid) {
  const auto free = kilobytes_in("/proc/meminfo", "MemAvailable:");
  if (!free) return std::nullopt;
  return *free + kilobytes_in(fmt::format("/proc/{}/status", pid), "VmRSS:").value_or(Bytes());
}

std::optional<LabEntry> lab_entry_of(const std::string& vm, const std::string& lab) {
  if (!vm.starts_with("lab:")) return std::nullopt;
  return LabEntry{lab, lab::EnterMode::kJoin};
}

}  // namespace godwit::cli
