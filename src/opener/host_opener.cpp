#include "godwit/opener/host_opener.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <variant>

#include "godwit/base/log.h"
#include "godwit/cpuquota/vcpu_quota.h"
#include "godwit/disks/copier.h"
#include "godwit/guestmem/locate_ram.h"
#include "godwit/guestmem/process_guest_memory.h"
#include "godwit/lab/lab.h"
#include "godwit/libvirt/connection.h"
#include "godwit/libvirt/domain.h"
#include "godwit/probe/round_trip.h"
#include "godwit/qemu/qmp_hypervisor.h"
#include "godwit/store/vm_lock.h"
#include "libvirt_manager.h"
#include "relayed_stream.h"
#include "vm_activity.h"

namespace godwit::opener {
namespace {

class QemuLock final : public engine::DriverLock {
 public:
  explicit QemuLock(store::VmLock lock) : lock_(std::move(lock)) {}

 private:
  store::VmLock lock_;
};

/// That of a lab's guest in this process.
std::optional<std::string> lab_monitor(const std::string& lab, const std::string& guest,
                                       std::int64_t pid) {
  const auto status = lab::find_guest(lab, guest);
  if (!status) return std::nullopt;
  for (const lab::Instance& one : status->instances) {
    if (one.pid != 0 && one.pid == pid) return one.qmp;
  }
  return std::nullopt;
}

}  // namespace

Result<std::string> HostOpener::monitor_of(const VmAddress& address, engine::Access access) {
  if (const auto* qmp = std::get_if<QmpVm>(&address)) return qmp->socket;
  if (std::holds_alternative<LibvirtVm>(address)) return to_string(address);  // and its daemon's
  GODWIT_TRY(const lab::GuestStatus guest, lab::find_guest(lab_, std::get<LabVm>(address).name));
  if (guest.instances.empty() || guest.instances.front().pid == 0) {
    return fail(ErrorCode::kNotFound, fmt::format("guest {} does not run", guest.spec.name),
                "start a lab anew: godwit lab down, godwit lab up");
  }
  const lab::Instance& current = guest.instances.front();
  return access == engine::Access::kDrive ? current.qmp : current.observer_qmp;
}

std::optional<std::string> HostOpener::monitor_of(const JournalEntry& entry, Side side) {
  const auto vm = parse_vm(entry.source);
  const auto* guest = vm ? std::get_if<LabVm>(&*vm) : nullptr;
  if (side == Side::kSource) {
    if (guest != nullptr) return lab_monitor(lab_, guest->name, entry.source_pid);
    if (vm && std::holds_alternative<LibvirtVm>(*vm)) return entry.source;
    return vm ? std::optional(std::get<QmpVm>(*vm).socket) : std::nullopt;
  }
  const auto address = parse_destination(entry.destination);
  if (!address) return std::nullopt;
  if (const auto* qmp = std::get_if<QmpDestination>(&*address)) return qmp->socket;
  if (const auto* host = std::get_if<LibvirtHost>(&*address)) {
    const std::string& identity = entry.source_identity;  // which ends with the domain's UUID
    const std::size_t blank = identity.rfind(' ');
    if (blank == std::string::npos) return std::nullopt;
    return to_string(VmAddress(LibvirtVm{host->uri, identity.substr(blank + 1)}));
  }
  return guest == nullptr ? std::nullopt : lab_monitor(lab_, guest->name, entry.destination_pid);
}

Result<std::shared_ptr<Hypervisor>> HostOpener::connect(const std::string& monitor) {
  log::debug("connecting to {}", monitor);
  if (const auto address = parse_vm(monitor); address) {
    if (const auto* domain = std::get_if<LibvirtVm>(&*address)) {
      GODWIT_TRY(auto opened, libvirt::LibvirtDomain::connect(*domain, clock_, stop_));
      return std::shared_ptr<Hypervisor>(std::move(opened));
    }
  }
  GODWIT_TRY(auto vm, qemu::QmpHypervisor::connect(monitor, clock_));
  return std::shared_ptr<Hypervisor>(std::move(vm));
}

Result<std::unique_ptr<engine::DriverLock>> HostOpener::lock(std::int64_t pid) {
  GODWIT_TRY(store::VmLock lock, store::VmLock::acquire(pid));
  return std::unique_ptr<engine::DriverLock>(std::make_unique<QemuLock>(std::move(lock)));
}

Result<std::unique_ptr<GuestMemory>> HostOpener::memory_of(Hypervisor& vm) {
  GODWIT_TRY(RamLayout layout, vm.ram_layout());
  const bool located = std::all_of(layout.blocks.begin(), layout.blocks.end(),
                                   [](const RamBlock& one) { return one.host_address != 0; });
  if (!located) {
    GODWIT_TRY(layout, guestmem::locate_ram(std::move(layout)));
  }
  const auto* const qemu = dynamic_cast<const qemu::QmpHypervisor*>(&vm);
  auto memory = guestmem::ProcessGuestMemory::open(
      std::move(layout), qemu != nullptr ? qemu->connection() : std::nullopt);
  if (memory) return std::unique_ptr<GuestMemory>(std::move(*memory));
  return fail(std::move(memory).error());
}

std::unique_ptr<ActivityCounter> HostOpener::activity_of(Hypervisor& vm, std::int64_t pid) {
  return std::make_unique<VmActivity>(vm, pid);
}

Result<std::unique_ptr<CpuQuota>> HostOpener::cpu_quota_of(const VmDescription& vm) {
  if (vm.pid != 0) return cpuquota::make_vcpu_quota(vm.pid, vm.process_started, vm.vcpu_threads);
  return fail(ErrorCode::kUnsupported,
              fmt::format("the VM's process can't be seen from here: {} answers on its monitor",
                          vm.answered_by.empty() ? "somebody else" : vm.answered_by),
              "run godwit on the VM's host");
}

Result<std::unique_ptr<StreamCarrier>> HostOpener::relay_to(const std::string& stream,
                                                            const VmDescription& source) {
  if (source.identity.starts_with("libvirt")) {
    return relay_stream_of_libvirt(clock_, source, stream);
  }
  return relay_stream(clock_, source, stream);
}

std::optional<Seconds> HostOpener::round_trip_to(const std::string& stream,
                                                 const VmDescription& source) {
  const auto tcp = tcp_address_of(stream);
  if (!tcp || source.pid == 0) return std::nullopt;
  return probe::measure_round_trip(tcp->host, fmt::format("/proc/{}/ns/net", source.pid), clock_);
}

Result<std::unique_ptr<engine::Manager>> HostOpener::manager_of(
    const std::shared_ptr<Hypervisor>& source, const LibvirtHost& destination) {
  auto domain = std::dynamic_pointer_cast<libvirt::LibvirtDomain>(source);
  if (domain == nullptr) {
    return fail(ErrorCode::kBadInput, "only a domain of libvirt's moves to a host of libvirt's",
                "name the VM as libvirt:NAME or libvirt:URI#NAME");
  }
  GODWIT_TRY(auto host, libvirt::Connection::open(destination.uri, {.stop = stop_}));
  return std::unique_ptr<engine::Manager>(
      std::make_unique<LibvirtManager>(clock_, std::move(domain), std::move(host)));
}

/// Connections are made where the VM's process makes its own.
Result<std::unique_ptr<DiskCopier>> HostOpener::disk_copier_of(const VmDescription& source) {
  if (source.pid != 0) {
    return disks::make_copier(clock_, fmt::format("/proc/{}/ns/net", source.pid));
  }
  return fail(ErrorCode::kUnsupported,
              "a share of the disks is copied beside the VM, whose process can't be seen from here",
              {"run godwit on the VM's host, or move all of the disks beforehand: leave ",
               Setting::kPrecopyStorage, " out"});
}

Result<void> HostOpener::give_back_cpu(const LentCpu& lent) {
  return cpuquota::give_back(lent);
}

}  // namespace godwit::opener
