#pragma once

#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "godwit/base/clock.h"
#include "godwit/base/error.h"
#include "godwit/base/rng.h"
#include "godwit/base/units.h"
#include "godwit/domain/disk_sharing.h"
#include "godwit/domain/guest_profile.h"
#include "godwit/domain/hypervisor.h"
#include "godwit/domain/ports.h"

namespace godwit::profile {

/// Disks whose part in a move the profile shall tell.
struct WatchedDisks {
  std::vector<Disk> disks;
  DiskWatch* watch = nullptr;  ///< has begun with all of them; null: only their sizes are known
  TimePoint since{};           ///< when it began
};

struct ObserveOptions {
  /// Longest window of the dirty curve that is wanted, 1 s to 10 min. Windows are 1/8, 1/4 ... 8 s
  /// and so on doubling, those that fit; the observation takes an eighth longer than the last.
  Seconds length{8};
  /// Wanted half-width of the 90 % interval of W(t), as a share of RAM, where half of RAM changes
  /// (the worst case). 0.7 % of RAM is 3.8 MB of a 512 MiB guest, and 12,500 of its pages: as many
  /// as the profiles had that predictions are measured by (docs/research/data.md), at half of what
  /// 0.5 % costs. 0 reads all pages.
  Ratio half_width{0.007};
  /// What observing may cost, at most; the sample shrinks to fit, and the intervals show it.
  /// A tenth of one CPU is what a host that is evacuated because it is full can still spare.
  Ratio cpu_cap{0.10};
  /// Guest memory read, at any time, by an observer that keeps up; a late one does not catch up
  /// faster. 400 MB/s is some 2 % of what one DDR4 channel carries (17...25 GB/s).
  BytesPerSecond traffic_cap{400e6};

  /// Asked at the start and at the end, if there is one.
  ActivityCounter* activity = nullptr;
  WatchedDisks disks{};

  /// What the caller knows of the VM and the profile shall repeat.
  std::string vm;
  std::optional<int> vcpus;
  std::optional<std::string> accelerator;
  std::optional<std::string> qemu_version;
};

struct ObserveProgress {
  Ratio done;
  Seconds left{};
};
using ObserveProgressCallback = std::function<void(const ObserveProgress&)>;

/// Observes a VM from outside, by content hashes of a random sample of its pages; the VM runs on.
///
/// Blocks for 9/8 of the longest window. `progress`, which may be empty, is called from this thread
/// about ten times a second. Errors: kBadInput for options that make no sense, kInterrupted when
/// `stop` is requested, and the memory's own (kPeerGone when the VM exits). Nothing stays behind in
/// any case.
Result<GuestProfile> observe(GuestMemory& memory, Clock& clock, Rng& rng,
                             const ObserveOptions& options, const std::stop_token& stop,
                             const ObserveProgressCallback& progress);

}  // namespace godwit::profile
