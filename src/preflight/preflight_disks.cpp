#include "godwit/preflight/preflight_disks.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>
#include <optional>

#include "godwit/base/quantity.h"
#include "godwit/medium/medium.h"

namespace godwit::preflight {
namespace {

constexpr const char* kLikeSource =
    "start the destination with the source's command line and -incoming defer";

/// A disk as both sides have it.
struct Pair {
  const Disk* here;
  const Disk* there;
};

std::vector<Pair> pairs_of(const PreflightFacts& facts) {
  std::vector<Pair> pairs;
  for (const Disk& disk : facts.source.disks) {
    const Disk* there = counterpart(disk, facts.destination.disks);
    if (there != nullptr) pairs.push_back({&disk, there});
  }
  return pairs;
}

/// A drive that no device has, and that is empty, is nothing to the guest.
bool counts(const Disk& disk) {
  return !disk.place.empty() || !disk.file.empty();
}

/// A disk in a message: by the user's name for it, or by both sides'.
std::string name_of(const Pair& disk) {
  if (disk.here->device == disk.there->device) return disk.here->device;
  return fmt::format("{} ({} at the destination)", disk.here->device, disk.there->device);
}

std::string named(const std::vector<Disk>& disks) {
  std::vector<std::string> names;
  for (const Disk& disk : disks) names.push_back(fmt::format("{}={}", disk.device, disk.file));
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

std::vector<Disk> without_counterpart(const std::vector<Disk>& disks,
                                      const std::vector<Disk>& others) {
  std::vector<Disk> alone;
  std::copy_if(disks.begin(), disks.end(), std::back_inserter(alone), [&others](const Disk& disk) {
    return counts(disk) && counterpart(disk, others) == nullptr;
  });
  return alone;
}

/// Both sides have the same drives, whatever is in them.
Result<std::vector<Pair>> pair_disks(const PreflightFacts& facts) {
  const auto only_here = without_counterpart(facts.source.disks, facts.destination.disks);
  const auto only_there = without_counterpart(facts.destination.disks, facts.source.disks);
  if (only_here.empty() && only_there.empty()) return pairs_of(facts);
  return fail(disks_differ(only_here, only_there, kLikeSource).error());
}

/// One and the same, seen from both sides? Nothing where that is not known.
std::optional<bool> is_shared(const PreflightFacts& facts, const Pair& disk) {
  const auto known = facts.same_file.find(disk.here->device);
  if (known != facts.same_file.end()) return known->second;
  const Medium here = medium_of(*disk.here);
  if (const auto one = is_one_medium(here, medium_of(*disk.there))) return one;
  const bool one_host = facts.source.pid != 0 && facts.destination.pid != 0;
  const bool one_name = disk.here->file == disk.there->file;
  if (here.kind == Medium::Kind::kOther && one_host && one_name) return true;
  return std::nullopt;
}

bool sizes_differ(const Pair& disk) {
  return disk.here->size && disk.there->size && *disk.here->size != *disk.there->size;
}

Result<void> refuse_size(const Pair& disk) {
  return refuse(fmt::format("the size of disk {} differs: {} bytes on the source, {} on the "
                            "destination",
                            name_of(disk), disk.here->size->count(), disk.there->size->count()),
                "make it exactly as large there as it is at the source");
}

Result<void> check_medium_is_there(const Pair& disk) {
  if (disk.here->file.empty() == disk.there->file.empty()) return {};
  return refuse(fmt::format("drive {} differs: {} on the source, {} on the destination",
                            name_of(disk), shown(*disk.here), shown(*disk.there)),
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
                            name_of(disk), shown(*disk.here), shown(*disk.there)),
                "give both sides the same medium (a copy of it will do), or take it out of both "
                "(QMP: eject)");
}

Result<void> check_writable_there(const Pair& disk) {
  if (disk.there->writable) return {};
  return refuse(fmt::format("disk {} cannot be written to at the destination", name_of(disk)),
                kLikeSource);
}

bool may_move(const Disk& disk) {
  return disk.writable && !disk.travels_with_memory;
}

bool moves(const PreflightFacts& facts, const Pair& disk) {
  return may_move(*disk.here) && is_shared(facts, disk) != true;
}

/// QEMU changes to another descriptor of the set when it is to mirror such a disk, finds its own
/// lock on the file, and aborts, with the guest (measured on QEMU 10.0.2, by plain QMP too).
Result<void> check_no_descriptor(const Pair& disk) {
  for (const Disk* side : {disk.here, disk.there}) {
    if (medium_of(*side).kind != Medium::Kind::kHandle) continue;
    return refuse(
        fmt::format("disk {} was handed to QEMU as a descriptor ({}), and QEMU aborts when "
                    "such a disk is mirrored",
                    name_of(disk), side->file),
        "put it on storage that both sides share, and leave +storage out; or start the VM "
        "with the disk's own path");
  }
  return {};
}

constexpr std::int64_t kCluster = 64 * 1024;

/// What a qcow2 image of that size, with clusters of 64 KiB, may take without holding anything: its
/// header, the table of reference counts, the first two blocks of these, and the two levels of
/// tables for where clusters are (QEMU, docs/interop/qcow2.txt: 8 bytes an entry). One that takes
/// more holds data. Whether one that takes less does, the copier asks.
Bytes most_of_an_empty_image(Bytes size) {
  constexpr std::int64_t kEntries = kCluster / 8;
  const auto parts = [](std::int64_t all, std::int64_t of) { return all / of + (all % of != 0); };
  const std::int64_t tables = parts(size.count(), kCluster * kEntries);
  return Bytes(kCluster) * (4 + parts(tables, kEntries) + tables);
}

/// What is absent at the destination is taken from the source, so it must be possible that
/// something is absent: that of an image of qcow2's newer versions reads as zeros for ever once
/// discarded (measured on QEMU 10.0), and one with a backing file does not give up anything.
Result<void> check_takes_a_share(const Pair& disk) {
  constexpr const char* kMakeIt =
      "make it anew, empty: qemu-img create -f qcow2 -o compat=0.10 FILE SIZE, opened with "
      "discard=unmap; or move all of the disks beforehand";
  const Disk& there = *disk.there;
  if (there.format != "qcow2") {
    return refuse(
        fmt::format("disk {} is {} at the destination, and a share of a disk can be copied "
                    "into qcow2 only",
                    name_of(disk), there.format),
        kMakeIt);
  }
  if (there.has_backing) {
    return refuse(
        fmt::format("disk {} has a backing file at the destination already", name_of(disk)),
        kMakeIt);
  }
  if (there.image_version != "0.10" || there.cluster.value_or(Bytes()) != Bytes(kCluster)) {
    return refuse(
        fmt::format("disk {} is at the destination a qcow2 image of compat={} with clusters "
                    "of {} bytes; a share of a disk needs compat=0.10 and 65536",
                    name_of(disk), there.image_version, there.cluster.value_or(Bytes()).count()),
        kMakeIt);
  }
  if (there.size && there.allocated > most_of_an_empty_image(*there.size)) {
    return refuse(fmt::format("disk {} holds data at the destination already: its image takes {}",
                              name_of(disk), human(*there.allocated)),
                  kMakeIt);
  }
  return {};
}

Result<void> check_disk(const PreflightFacts& facts, const MigrationPlan& plan, const Pair& disk) {
  GODWIT_CHECK_OK(check_medium_is_there(disk));
  if (disk.here->travels_with_memory)
    return sizes_differ(disk) ? refuse_size(disk) : Result<void>();
  if (!disk.here->writable) return check_read_only(facts, disk);
  GODWIT_CHECK_OK(check_writable_there(disk));
  // QEMU mirrors between disks of one size only (measured on QEMU 10.0: "Source and target image
  // have different sizes", of a larger one too).
  if (!plan.technique.storage || !moves(facts, disk)) return {};
  if (sizes_differ(disk)) return refuse_size(disk);
  GODWIT_CHECK_OK(check_no_descriptor(disk));
  return leaves_disks_behind(plan.parameters) ? check_takes_a_share(disk) : Result<void>();
}

/// Without +storage: a disk that is surely not shared is refused, and so is one with two names that
/// nobody here can compare, as the guest would find other data if it were two.
Result<void> check_all_shared(const PreflightFacts& facts, const std::vector<Pair>& disks) {
  std::vector<Disk> here[2];  // surely two, maybe one
  std::vector<Disk> there[2];
  for (const Pair& disk : disks) {
    const auto shared = is_shared(facts, disk);
    const bool one_name = disk.here->file == disk.there->file;
    if (!may_move(*disk.here) || shared == true || (!shared && one_name)) continue;
    here[shared ? 0 : 1].push_back(*disk.here);
    there[shared ? 0 : 1].push_back(*disk.there);
  }
  if (!here[0].empty()) {
    return disks_differ(here[0], there[0],
                        "give both sides the same disks on shared storage; or, where each side has "
                        "its own, move them along: add +storage to the technique's name (it leaves "
                        "shared disks alone)");
  }
  if (here[1].empty()) return {};
  return refuse(fmt::format("disks differ by name, and whether they are the same cannot be seen "
                            "from here: {} on the source, {} on the destination",
                            named(here[1]), named(there[1])),
                "where both names lead to one disk on shared storage, give it one name on both "
                "sides (the same server, a mount or a symbolic link at the same path); where each "
                "side has its own, move them along: add +storage to the technique's name");
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

/// What only names tell of a disk that is written to. Empty where more is known of it.
std::string said_of(const Pair& disk, std::optional<bool> shared, bool storage) {
  const bool one_name = disk.here->file == disk.there->file;
  const bool on_network = medium_of(*disk.here).kind == Medium::Kind::kNetwork;
  if (shared == true && on_network && !one_name) {
    return fmt::format(
        "disk {} is reached in different ways ({} on the source, {} on the destination) and is "
        "taken to be shared, as both name the same {}",
        name_of(disk), disk.here->file, disk.there->file, medium_of(*disk.here).name);
  }
  if (shared) return {};
  const char* const taken =
      storage ? "it is taken to be two, and is moved; where it is shared, leave +storage out"
              : "it is taken to be shared; where it is not, add +storage";
  return one_name ? fmt::format(
                        "disk {} has one name on both sides ({}) and cannot be compared from "
                        "here: {}",
                        name_of(disk), disk.here->file, taken)
                  : fmt::format(
                        "disk {} has two names ({} on the source, {} on the destination) and "
                        "cannot be compared from here: {}",
                        name_of(disk), disk.here->file, disk.there->file, taken);
}

}  // namespace

Result<void> check_disks(const PreflightFacts& facts, const MigrationPlan& plan) {
  GODWIT_TRY(const std::vector<Pair> disks, pair_disks(facts));
  for (const Pair& disk : disks) GODWIT_CHECK_OK(check_disk(facts, plan, disk));
  return plan.technique.storage ? check_any_moves(facts, disks) : check_all_shared(facts, disks);
}

std::vector<MovedDisk> disks_to_move(const PreflightFacts& facts) {
  std::vector<MovedDisk> disks;
  for (const Pair& disk : pairs_of(facts)) {
    if (moves(facts, disk)) disks.push_back({disk.here->device, disk.there->device});
  }
  return disks;
}

std::vector<std::string> taken_for_granted(const PreflightFacts& facts) {
  std::vector<std::string> granted;
  for (const Pair& disk : pairs_of(facts)) {
    const bool read_only = !disk.here->writable && !disk.here->travels_with_memory;
    if (!read_only || disk.here->file.empty() || is_shared(facts, disk) == true) continue;
    if (facts.same_content.contains(disk.here->device)) continue;
    granted.push_back(
        fmt::format("read-only disk {} is taken to hold the same on both sides ({} "
                    "and {}): they cannot be compared from here",
                    name_of(disk), disk.here->file, disk.there->file));
  }
  return granted;
}

std::vector<std::string> taken_by_name(const PreflightFacts& facts, const MigrationPlan& plan) {
  std::vector<std::string> taken;
  for (const Pair& disk : pairs_of(facts)) {
    if (!may_move(*disk.here) || disk.here->file.empty()) continue;
    std::string sentence = said_of(disk, is_shared(facts, disk), plan.technique.storage);
    if (!sentence.empty()) taken.push_back(std::move(sentence));
  }
  return taken;
}

}  // namespace godwit::preflight
