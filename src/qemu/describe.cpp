// The part of QmpHypervisor that finds out what a VM is and where its memory lies.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "decode.h"
#include "godwit/base/json_reader.h"
#include "godwit/medium/medium.h"
#include "godwit/qemu/qmp_hypervisor.h"
#include "godwit/qmp/message.h"
#include "qemu_process.h"

namespace godwit::qemu {
namespace {

std::string without_ending(std::string text, std::string_view ending) {
  if (text.ends_with(ending)) text.resize(text.size() - ending.size());
  return text;
}

/// A region's block: "vga.vram" is the tail of "0000:00:02.0/vga.vram".
bool names(const std::string& block, const std::string& region) {
  return block == region || block.ends_with("/" + region);
}

}  // namespace

Result<VmDescription> QmpHypervisor::describe() {
  VmDescription vm;
  GODWIT_CHECK_OK(describe_machine(vm));
  GODWIT_CHECK_OK(describe_cpus(vm));
  GODWIT_TRY(vm.disks, describe_disks());
  GODWIT_TRY(const Json status, ask("query-status"));
  GODWIT_TRY(const NamedRunState named, decode_run_state(status));
  vm.state = named.state;
  vm.state_name = named.name;
  vm.can = schema_.capabilities();
  vm.identity = identity_;
  if (process_ != nullptr) {
    vm.pid = process_->pid();
    vm.process_started = process_->started();
  } else {
    vm.answered_by = process_name(client_.peer_pid());
  }
  return vm;
}

Result<void> QmpHypervisor::describe_machine(VmDescription& vm) {
  GODWIT_TRY(const Json about, ask("query-version"));
  GODWIT_TRY(const Version version, decode_version(about));
  vm.version = version.text;
  vm.version_major = version.major;
  vm.version_minor = version.minor;

  GODWIT_TRY(const Json name, ask("query-name"));
  JsonReader names(name, "query-name");
  vm.name = names.maybe_text("name").value_or("");
  GODWIT_TRY(const Json kvm, ask("query-kvm"));
  JsonReader accelerator(kvm, "query-kvm");
  vm.accelerator = accelerator.boolean("enabled") ? "kvm" : "tcg";
  GODWIT_TRY(const Json memory, ask("query-memory-size-summary"));
  JsonReader sizes(memory, "query-memory-size-summary");
  const Bytes base = sizes.bytes("base-memory");
  vm.ram = capped_sum(base, sizes.maybe_bytes("plugged-memory").value_or(Bytes(0)));
  for (const JsonReader* in : {&names, &accelerator, &sizes}) {
    if (in->error()) return fail(qmp::unreadable("what VM it is", in->error()->message));
  }
  GODWIT_TRY(const std::string type, qom_type("/machine"));
  vm.machine = without_ending(type, "-machine");
  return {};
}

Result<void> QmpHypervisor::describe_cpus(VmDescription& vm) {
  GODWIT_TRY(const Json cpus, ask("query-cpus-fast"));
  GODWIT_TRY(const Vcpus vcpus, decode_vcpus(cpus));
  vm.vcpus = static_cast<int>(vcpus.threads.size());
  vm.vcpu_threads = vcpus.threads;
  if (vcpus.threads.empty()) return {};
  GODWIT_TRY(vm.cpu_model, qom_type(vcpus.first_path));
  return {};
}

/// Where their devices are, and through which descriptor a file is open that was handed to QEMU.
Result<std::vector<Disk>> QmpHypervisor::describe_disks() {
  GODWIT_TRY(const Json blocks, ask("query-block"));
  std::vector<hmp::DrivePlace> places;
  if (const auto tree = ask_human("info qtree")) {
    GODWIT_TRY(places, hmp::parse_drives(*tree));
  } else if (tree.error().code != ErrorCode::kRefused) {
    return fail(tree.error());
  }
  GODWIT_TRY(std::vector<Disk> disks, decode_disks(blocks, places));
  std::map<int, int> sets;
  const bool any = std::any_of(disks.begin(), disks.end(),
                               [](const Disk& disk) { return fd_set_of(disk).has_value(); });
  if (!any) return disks;
  GODWIT_TRY(const auto listed, ask_if_there("query-fdsets"));
  if (listed) {
    GODWIT_TRY(sets, decode_fd_sets(*listed));
  }
  for (Disk& disk : disks) {
    const auto set = fd_set_of(disk);
    if (set && sets.contains(*set)) disk.descriptor = sets.at(*set);
  }
  return disks;
}

Result<RamLayout> QmpHypervisor::ram_layout() {
  RamLayout layout;
  if (process_ == nullptr) {
    const std::string who = process_name(client_.peer_pid());
    return fail(ErrorCode::kUnsupported,
                who.empty() ? fmt::format("cannot tell which process serves {}", path_)
                            : fmt::format("who answers on {} is {}, not QEMU itself", path_, who),
                {"run godwit on the VM's host, on QEMU's own socket; or migrate without a "
                 "prediction: godwit migrate ",
                 Setting::kNoProfile});
  }
  layout.pid = process_->pid();
  GODWIT_TRY(layout.page_size, page_size());
  GODWIT_TRY(const std::string text, ask_human("info ramblock"));
  GODWIT_TRY(auto blocks, hmp::parse_ramblock(text));
  const auto not_migrated = [](const hmp::RamBlockLine& block) {
    return block.name.empty() || block.used == Bytes(0);
  };
  blocks.erase(std::remove_if(blocks.begin(), blocks.end(), not_migrated), blocks.end());
  GODWIT_CHECK_OK(locate(blocks));
  for (const hmp::RamBlockLine& block : blocks) {
    if (block.host_address) layout.blocks.push_back({block.name, block.used, *block.host_address});
  }
  return layout;
}

/// The target's page size stands in query-migrate only once something was migrated; before that it
/// is 4 KiB, as on all that Debian builds QEMU's KVM for.
Result<PageSize> QmpHypervisor::page_size() {
  GODWIT_TRY(const Json json, ask("query-migrate"));
  JsonReader in(json, "query-migrate");
  const Json* ram = in.find("ram");
  if (ram == nullptr) return PageSize(4096);
  JsonReader sizes(*ram, "query-migrate.ram");
  const std::int64_t size = sizes.maybe_bytes("page-size").value_or(Bytes(4096)).count();
  if (sizes.error() || size < 512 || size > (1 << 20) || (size & (size - 1)) != 0) {
    return fail(qmp::unreadable("query-migrate", "no page size"));
  }
  return PageSize(size);
}

/// Finds the host address of blocks that lack one (QEMU before 8.0) by way of guest-physical
/// addresses that show them.
Result<void> QmpHypervisor::locate(std::vector<hmp::RamBlockLine>& blocks) {
  const auto lacks = [](const hmp::RamBlockLine& block) { return !block.host_address; };
  if (std::none_of(blocks.begin(), blocks.end(), lacks)) return {};
  GODWIT_TRY(const std::string text, ask_human("info mtree -f"));
  GODWIT_TRY(const auto regions, hmp::parse_mtree(text));
  for (hmp::RamBlockLine& block : blocks) {
    const auto region = std::find_if(regions.begin(), regions.end(), [&](const auto& one) {
      return names(block.name, one.region);
    });
    if (block.host_address || region == regions.end()) continue;
    GODWIT_TRY(const std::string answer,
               ask_human(fmt::format("gpa2hva {:#x}", region->guest_address)));
    const auto host = hmp::parse_gpa2hva(answer);
    if (!host || host->region != region->region || host->address < region->offset) continue;
    block.host_address = host->address - region->offset;
  }
  const auto largest = std::max_element(
      blocks.begin(), blocks.end(), [](const auto& a, const auto& b) { return a.used < b.used; });
  if (largest != blocks.end() && !largest->host_address) {
    return fail(ErrorCode::kUnsupported,
                fmt::format("this QEMU does not tell where its RAM block {} lies", largest->name),
                "use QEMU 8 or newer");
  }
  return {};
}

}  // namespace godwit::qemu
