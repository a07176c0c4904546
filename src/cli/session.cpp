#include "session.h"

#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string_view>

#include "godwit/base/log.h"
#include "godwit/guestmem/process_guest_memory.h"
#include "godwit/qmp/qmp_hypervisor.h"
#include "godwit/store/journal.h"
#include "godwit/store/outcome_store.h"
#include "godwit/store/paths.h"
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
    GODWIT_CHECK_OK(recover_before_driving(*vm.hypervisor, vm.description, clock));
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
  auto memory = guestmem::ProcessGuestMemory::open(std::move(layout));
  if (memory) return std::unique_ptr<GuestMemory>(std::move(*memory));
  Error error = std::move(memory).error();
  if (error.code == ErrorCode::kPermission) {
    error.what_to_do += {"; or migrate without a prediction: godwit migrate ", Setting::kNoProfile};
  }
  return fail(std::move(error));
}

Result<void> check_places(bool keep, const std::string& store) {
  GODWIT_TRY(const auto journal_path, store::default_journal_path(std::getenv));
  GODWIT_CHECK_OK(store::FileJournal(journal_path).check());
  if (keep) GODWIT_CHECK_OK(open_store(store));
  return {};
}

Result<std::unique_ptr<OutcomeStore>> open_store(const std::string& path) {
  std::filesystem::path file(path);
  if (path.empty()) {
    GODWIT_TRY(file, store::default_store_path(std::getenv));
  }
  auto opened = store::SqliteOutcomeStore::open(file);
  if (opened) return std::unique_ptr<OutcomeStore>(std::move(*opened));
  Error error = std::move(opened).error();
  const bool place_is_unfit = error.code != ErrorCode::kBusy && error.code != ErrorCode::kCorrupt &&
                              error.code != ErrorCode::kUnsupported;
  if (path.empty() && place_is_unfit) {  // nobody named it
    if (error.code != ErrorCode::kPermission) error.code = ErrorCode::kEnvironment;
    error.what_to_do = {"mend that, name a file with ", Setting::kStore,
                        ", or set XDG_DATA_HOME to a folder that can be written"};
  }
  return fail(std::move(error));
}

std::optional<Bytes> memory_for(std::int64_t pid) {
  if (pid <= 0) return std::nullopt;
  const auto free = kilobytes_in("/proc/meminfo", "MemAvailable:");
  if (!free) return std::nullopt;
  return *free + kilobytes_in(fmt::format("/proc/{}/status", pid), "VmRSS:").value_or(Bytes());
}

std::optional<LabEntry> lab_entry_of(const std::string& vm, const std::string& lab) {
  if (!vm.starts_with("lab:")) return std::nullopt;
  return LabEntry{lab, lab::EnterMode::kJoin};
}

}  // namespace godwit::cli
