#include "preflight_disks.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace godwit::control {
namespace {

const Disk* find_disk(const VmDescription& vm, const std::string& device) {
  const auto found = std::find_if(vm.disks.begin(), vm.disks.end(),
                                  [&](const Disk& disk) { return disk.device == device; });
  return found == vm.disks.end() ? nullptr : &*found;
}

std::string named(const std::vector<Disk>& disks) {
  std::vector<std::string> names;
  for (const Disk& disk : disks) names.push_back(fmt::format("{}={}", disk.device, disk.file));
  std::sort(names.begin(), names.end());
  return fmt::format("[{}]", fmt::join(names, ", "));
}

Result<void> disks_differ(const PreflightFacts& facts) {
  return fail(ErrorCode::kBadInput,
              fmt::format("disks differ: {} on the source, {} on the destination",
                          named(facts.source.disks), named(facts.destination.disks)),
              "give both sides the same disks on shared storage; or, where each side has its own, "
              "move them along: add +storage to the technique's name");
}

/// Is it the same disk, seen from both sides?
bool is_shared(const PreflightFacts& facts, const Disk& here, const Disk& there) {
  const auto known = facts.same_file.find(here.device);
  return known == facts.same_file.end() ? here.file == there.file : known->second;
}

Result<void> check_mirrored_disk(const PreflightFacts& facts, const Disk& here, const Disk& there) {
  const auto known = facts.same_file.find(here.device);
  if (known != facts.same_file.end() && known->second) {
    return fail(ErrorCode::kBadInput,
                fmt::format("disk {} is the same file on both sides ({})", here.device, here.file),
                "leave +storage out: the disk need not move");
  }
  if (!there.writable) {
    return fail(ErrorCode::kBadInput,
                fmt::format("disk {} cannot be written to at the destination", here.device),
                "start the destination with the source's command line and -incoming defer");
  }
  // QEMU mirrors between disks of one size only (measured on QEMU 10.0: "Source and target image
  // have different sizes", of a larger one too).
  if (here.size && there.size && *there.size != *here.size) {
    return fail(ErrorCode::kBadInput,
                fmt::format("the size of disk {} differs: {} bytes on the source, {} on the "
                            "destination",
                            here.device, here.size->count(), there.size->count()),
                "make it exactly as large there as it is at the source");
  }
  return {};
}

}  // namespace

Result<void> check_disks(const PreflightFacts& facts, const MigrationPlan& plan) {
  const auto& here = facts.source.disks;
  if (here.size() != facts.destination.disks.size()) return disks_differ(facts);
  bool any_moves = false;
  for (const Disk& disk : here) {
    const Disk* there = find_disk(facts.destination, disk.device);
    if (there == nullptr) return disks_differ(facts);
    if (plan.storage && disk.writable) {
      GODWIT_CHECK_OK(check_mirrored_disk(facts, disk, *there));
      any_moves = true;
    } else if (!is_shared(facts, disk, *there)) {
      return disks_differ(facts);
    }
  }
  if (!plan.storage || any_moves) return {};
  return fail(ErrorCode::kBadInput, "the VM has no disk that it can write to",
              "leave +storage out: there is nothing to move");
}

}  // namespace godwit::control
