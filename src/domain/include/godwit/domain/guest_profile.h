#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "godwit/base/units.h"

namespace godwit {

/// Where a dirty curve comes from. Each source has a blind spot; the profile states it.
enum class DirtySource {
  kContentHash,  ///< hashes of sampled pages, read from outside: misses silent stores
  kRehearsal,    ///< a migration into a local sink: QEMU's own dirty bitmap
  kDirtyBitmap,  ///< that bitmap, without a migration (domain/dirty_meter.h)
  kDirtyRing,    ///< KVM's rings in its stead: a page may count more than once
};
[[nodiscard]] std::string_view to_string(DirtySource source);
[[nodiscard]] std::optional<DirtySource> dirty_source_from_string(std::string_view name);

/// One point of the dirty curve W(t): memory in unique pages that were written within `window`.
struct DirtyPoint {
  Seconds window{};
  Bytes unique;  ///< estimate for the whole RAM
  Bytes low;     ///< bounds of the 90 % interval of that estimate (sampling error only)
  Bytes high;

  friend bool operator==(const DirtyPoint&, const DirtyPoint&) = default;
};

/// A dirty curve with where it comes from.
struct SourcedCurve {
  DirtySource source = DirtySource::kContentHash;
  std::string blind_spot;
  std::vector<DirtyPoint> points;  ///< as GuestProfile::dirty_curve

  friend bool operator==(const SourcedCurve&, const SourcedCurve&) = default;
};

/// Which of a few pages, drawn at random, changed in each of many equal slots of time: how a
/// guest's writing changes from moment to moment.
struct WriteTrace {
  Seconds slot{};   ///< length of one, more than 0
  int slots = 0;    ///< how many, one after the other
  PageCount pages;  ///< that were watched
  /// Of each page that changed at all, whether it did in each of the slots.
  std::vector<std::vector<bool>> changed;

  friend bool operator==(const WriteTrace&, const WriteTrace&) = default;
};

/// What pages hold that are not zero, for the techniques that shrink them; of a sample.
struct PageContents {
  PageCount sampled;        ///< more than 0
  Ratio zlib;               ///< size after multifd's zlib, at its default level, of the size before
  Ratio zstd;               ///< the same with zstd
  Seconds zlib_per_page{};  ///< CPU time that this took on the observer's host
  Seconds zstd_per_page{};
  double entropy_bits = 0;  ///< Shannon's, per byte of a page, 0...8: the mean over pages
  /// Pages were taken in runs of neighbours, as they are sent; not one by one, as profiles of
  /// before 2026-11-22 did, whose pages seem to shrink less than they do.
  bool in_runs = true;

  friend bool operator==(const PageContents&, const PageContents&) = default;
};

/// How pages change, from one look to the next by which they differ; of the same sample.
struct PageChange {
  PageCount sampled;      ///< changes that were looked at, more than 0
  Ratio modified_words;   ///< 8-byte words that differ: the mean over changes
  Bytes xbzrle;           ///< mean size as XBZRLE encodes it, of those it makes smaller than a page
  Ratio xbzrle_overflow;  ///< those it does not
  friend bool operator==(const PageChange&, const PageChange&) = default;
};

/// The share of RAM, in the layout's order, that counts as its end.
inline constexpr double kEndOfRam = 1.0 / 16;

/// What a VM does beside writing memory, per second of the observation, as its host counts it.
/// Absent: nobody counts it there.
struct Activity {
  std::optional<BytesPerSecond> disk_read;
  std::optional<BytesPerSecond> disk_written;
  std::optional<BytesPerSecond> net_sent;  ///< by the guest, over all its interfaces
  std::optional<BytesPerSecond> net_received;
  std::optional<double> instructions;  ///< of the vCPU threads, by the processor's counters
  std::optional<double> cache_misses;
  friend bool operator==(const Activity&, const Activity&) = default;
};

/// Chunks of a disk that are written alike, as Poisson processes.
struct ChunkClass {
  double chunks = 0;
  double writes_per_s = 0;  ///< to each
  friend bool operator==(const ChunkClass&, const ChunkClass&) = default;
};

/// Which chunks of a disk are written how often; those of no class were not seen to be.
struct DiskWrites {
  Bytes chunk;         ///< more than 0
  Seconds observed{};  ///< how long they were watched
  std::vector<ChunkClass> classes;
  friend bool operator==(const DiskWrites&, const DiskWrites&) = default;
};

/// A disk that would move along.
struct DiskProfile {
  std::string device;  ///< Disk::device
  Bytes size;
  std::optional<Bytes> allocated;    ///< of it; absent where the host doesn't tell
  std::optional<DiskWrites> writes;  ///< absent: it could not be watched
  friend bool operator==(const DiskProfile&, const DiskProfile&) = default;
};

/// All that prediction knows of a VM, observed over a few seconds from outside.
struct GuestProfile {
  std::string vm;  ///< the address it was taken from, e.g. "qmp:/run/vm.qmp"
  Bytes ram;       ///< all migratable RAM blocks, as QEMU's `ram.total`
  PageSize page_size{4096};
  Ratio zero_share;  ///< pages that were all zero at the end of the observation
  /// Pages that were not all zero, of each of so many equal parts of RAM in the layout's order;
  /// empty where nobody looked.
  std::vector<Ratio> data_by_part;
  Seconds observed{};       ///< length of the observation
  PageCount sampled_pages;  ///< pages that were looked at, of ram / page_size
  DirtySource source = DirtySource::kContentHash;  ///< of `dirty_curve`: the best that was taken
  std::string blind_spot;                          ///< what this source cannot see, in one sentence
  std::vector<DirtyPoint> dirty_curve;             ///< ascending windows; `unique` never falls
  std::vector<SourcedCurve> other_curves;  ///< of further sources; prediction uses `dirty_curve`
  std::vector<DirtyPoint> dirty_series;    ///< consecutive intervals in time order
  std::optional<WriteTrace> write_trace;   ///< by content hashes; absent where nobody looked
  /// Pages, of those that are not zero, whose content another sampled one has, too; of all RAM
  /// there are more.
  std::optional<Ratio> duplicate_share;
  /// Of the changes that were seen, those that left a page of zeros; absent where there were none.
  std::optional<Ratio> changed_to_zero_share;
  std::optional<PageContents> contents;          ///< absent where no page was but zeros
  std::optional<PageContents> changed_contents;  ///< of pages that changed
  /// Of the last `kEndOfRam` of it, where kernels live: what a first pass sends last.
  std::optional<PageContents> end_contents;
  std::optional<PageChange> change;  ///< absent where nothing changed
  std::optional<int> vcpus;
  std::optional<int> host_cpus;    ///< CPUs of its host that the VM's process may run on
  std::optional<double> vcpu_use;  ///< CPUs' worth of vCPU time used, 0…vcpus
  Activity activity;
  std::vector<DiskProfile> disks;           ///< empty where nobody asked for them
  std::optional<std::string> accelerator;   ///< "tcg", "kvm"
  std::optional<std::string> qemu_version;  ///< "10.0.2"

  friend bool operator==(const GuestProfile&, const GuestProfile&) = default;
};

}  // namespace godwit
