#include "godwit/control/preflight_disks.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>

#include "godwit/domain/medium.h"

namespace godwit::control {
namespace {

constexpr const char* kLikeSource =
    "start the destination with the source's command line and -incoming defer";

const Disk* find_disk(const VmDescription& vm, const std::string& device) {
  const auto found = std::find_if(vm.disks.begin(), vm.disks.end(),
                                  [&](const Disk& disk) { return disk.device == device; });
  return found == vm.disks.end() ? nullptr : &*found;
}

/// A disk as both sides have it.
struct Pair {
  const Disk* here;
  const Disk* there;
};

std::string named(const std::vector<Disk>& disks) {
  std::vector<std::string> names;
  for (const Disk& disk : disks) names.push_back(fmt::format("{}={}", disk.device, disk.file));
  std::sort(names.begin(), names.end());
  return fmt::format("[{}]", fmt::join(names, ", "));
}

std::string shown(const Disk& disk) {
  return disk.file.empty() ? "nothing (the drive is empty)" : disk.file;
}

Result<void> refuse(std::string message, std::string what_to_do) {
  return fail(ErrorCode::kBadInput, std::move(message), std::move(what_to_do));
}

/// Only what is at fault is named.
Result<void> disks_differ(const std::vector<Disk>& here, const std::vector<Disk>& there,
                          std::string what_to_do) {
  return refuse(fmt::format("disks differ: {} on the source, {} on the destination", named(here),
                            named(there)),
                std::move(what_to_do));
}

/// Both sides have the same drives, whatever is in them.
Result<std::vector<Pair>> pair_disks(const PreflightFacts& facts) {
  std::vector<Pair> pairs;
  std::vector<Disk> only_here;
  std::vector<Disk> only_there;
  for (const Disk& disk : facts.source.disks) {
    const Disk* there = find_disk(facts.destination, disk.device);
    if (there == nullptr) {
      only_here.push_back(disk);
    } else {
      pairs.push_back({&disk, there});
    }
  }
  for (const Disk& disk : facts.destination.disks) {
    if (find_disk(facts.source, disk.device) == nullptr) only_there.push_back(disk);
  }
  if (only_here.empty() && only_there.empty()) return pairs;
  return fail(disks_differ(only_here, only_there, kLikeSource).error());
}

/// One and the same, seen from both sides? Nothing where that is not known.
std::optional<bool> is_shared(const PreflightFacts& facts, const Pair& disk) {
  const auto known = facts.same_file.find(disk.here->device);
  if (known != facts.same_file.end()) return known->second;
  if (disk.here->file != disk.there->file) return false;
  const bool one_host = facts.source.pid != 0 && facts.destination.pid != 0;
  const Medium::Kind kind = medium_of(*disk.here).kind;
  if (kind == Medium::Kind::kNetwork) return true;
  if (kind == Medium::Kind::kOther && one_host) return true;
  return std::nullopt;
}

bool sizes_differ(const Pair& disk) {
  return disk.here->size && disk.there->size && *disk.here->size != *disk.there->size;
}

Result<void> refuse_size(const Pair& disk) {
  return refuse(fmt::format("the size of disk {} differs: {} bytes on the source, {} on the "
                            "destination",
                            disk.here->device, disk.here->size->count(), disk.there->size->count()),
                "make it exactly as large there as it is at the source");
}

Result<void> check_medium_is_there(const Pair& disk) {
  if (disk.here->file.empty() == disk.there->file.empty()) return {};
  return refuse(fmt::format("drive {} differs: {} on the source, {} on the destination",
                            disk.here->device, shown(*disk.here), shown(*disk.there)),
                "put the same medium into both drives, or take it out of both (QMP: "
                "blockdev-change-medium, eject)");
}

/// The guest reads on over there: it must find the same. Two files that nobody here can compare
/// pass when they are equally large; `taken_for_granted` says so.
Result<void> check_read_only(const PreflightFacts& facts, const Pair& disk) {
  if (is_shared(facts, disk) == true) return {};
  const auto known = facts.same_content.find(disk.here->device);
  const bool equal = known != facts.same_content.end()     ? known->second
                     : disk.here->size && disk.there->size ? *disk.here->size == *disk.there->size
                                                           : disk.here->file == disk.there->file;
  if (equal) return {};
  return refuse(fmt::format("read-only disk {} is not the same: {} on the source, {} on the "
                            "destination",
                            disk.here->device, shown(*disk.here), shown(*disk.there)),
                "give both sides the same medium (a copy of it will do), or take it out of both "
                "(QMP: eject)");
}

Result<void> check_writable_there(const Pair& disk) {
  if (disk.there->writable) return {};
  return refuse(fmt::format("disk {} cannot be written to at the destination", disk.here->device),
                kLikeSource);
}

bool may_move(const Disk& disk) {
  return disk.writable && !disk.travels_with_memory;
}

bool moves(const PreflightFacts& facts, const Pair& disk) {
  return may_move(*disk.here) && is_shared(facts, disk) != true;
}

Result<void> check_disk(const PreflightFacts& facts, const MigrationPlan& plan, const Pair& disk) {
  GODWIT_CHECK_OK(check_medium_is_there(disk));
  if (disk.here->travels_with_memory)
    return sizes_differ(disk) ? refuse_size(disk) : Result<void>();
  if (!disk.here->writable) return check_read_only(facts, disk);
  GODWIT_CHECK_OK(check_writable_there(disk));
  // QEMU mirrors between disks of one size only (measured on QEMU 10.0: "Source and target image
  // have different sizes", of a larger one too).
  if (plan.storage && moves(facts, disk) && sizes_differ(disk)) return refuse_size(disk);
  return {};
}

/// Without +storage, every disk that is surely not shared, and none that may be.
Result<void> check_all_shared(const PreflightFacts& facts, const std::vector<Pair>& disks) {
  std::vector<Disk> here;
  std::vector<Disk> there;
  for (const Pair& disk : disks) {
    if (!may_move(*disk.here) || is_shared(facts, disk) != false) continue;
    here.push_back(*disk.here);
    there.push_back(*disk.there);
  }
  if (here.empty()) return {};
  return disks_differ(here, there,
                      "give both sides the same disks on shared storage; or, where each side has "
                      "its own, move them along: add +storage to the technique's name (it leaves "
                      "shared disks alone)");
}

Result<void> check_any_moves(const PreflightFacts& facts, const std::vector<Pair>& disks) {
  if (!disks_to_move(facts).empty()) return {};
  for (const Pair& disk : disks) {
    if (!may_move(*disk.here)) continue;
    return refuse(fmt::format("every disk that the VM can write to is shared by both sides ({} is "
                              "the same file: {})",
                              disk.here->device, disk.here->file),
                  "leave +storage out: no disk need move");
  }
  return refuse("the VM has no disk that it can write to",
                "leave +storage out: there is nothing to move");
}

}  // namespace

Result<void> check_disks(const PreflightFacts& facts, const MigrationPlan& plan) {
  GODWIT_TRY(const std::vector<Pair> disks, pair_disks(facts));
  for (const Pair& disk : disks) GODWIT_CHECK_OK(check_disk(facts, plan, disk));
  return plan.storage ? check_any_moves(facts, disks) : check_all_shared(facts, disks);
}

std::vector<std::string> disks_to_move(const PreflightFacts& facts) {
  std::vector<std::string> devices;
  for (const Disk& disk : facts.source.disks) {
    const Disk* there = find_disk(facts.destination, disk.device);
    if (there != nullptr && moves(facts, {&disk, there})) devices.push_back(disk.device);
  }
  return devices;
}

std::vector<std::string> taken_for_granted(const PreflightFacts& facts) {
  std::vector<std::string> granted;
  for (const Disk& disk : facts.source.disks) {
    const Disk* there = find_disk(facts.destination, disk.device);
    if (there == nullptr || disk.file.empty() || disk.writable || disk.travels_with_memory)
      continue;
    const Pair pair{&disk, there};
    if (is_shared(facts, pair) == true || facts.same_content.contains(disk.device)) continue;
    granted.push_back(
        fmt::format("read-only disk {} is taken to hold the same on both sides ({} "
                    "and {}): they cannot be compared from here",
                    disk.device, disk.file, there->file));
  }
  return granted;
}

std::vector<std::string> taken_by_name(const PreflightFacts& facts, const MigrationPlan& plan) {
  std::vector<std::string> taken;
  for (const Disk& disk : facts.source.disks) {
    const Disk* there = find_disk(facts.destination, disk.device);
    if (there == nullptr || disk.file.empty() || !disk.writable || disk.travels_with_memory)
      continue;
    if (is_shared(facts, {&disk, there})) continue;
    taken.push_back(fmt::format(
        "disk {} has one name on both sides ({}) and cannot be compared from here: {}", disk.device,
        disk.file,
        plan.storage ? "it is taken to be two, and is moved; where it is shared, leave +storage out"
                     : "it is taken to be shared; where it is not, add +storage"));
  }
  return taken;
}

}  // namespace godwit::control
