#pragma once

#include <optional>

#include "godwit/base/error.h"
#include "godwit/base/units.h"
#include "godwit/domain/guest_profile.h"

namespace godwit {

/// Memory in unique pages that was dirtied within a window, as a hypervisor counted it, to its
/// rounding.
struct DirtyCount {
  DirtySource source = DirtySource::kDirtyBitmap;
  Seconds window{};  ///< as long as it was
  Bytes least;
  Bytes most;
  friend bool operator==(const DirtyCount&, const DirtyCount&) = default;
};

/// A hypervisor that counts, without a migration, what it would have to send again. It does so by
/// itself: a window that was begun ends when its time is over, and logging with it, whatever
/// becomes of who began it. Never while a migration runs, and one window at a time. Threading and
/// errors as `Hypervisor`.
class DirtyMeter {
 public:
  DirtyMeter() = default;
  DirtyMeter(const DirtyMeter&) = delete;
  DirtyMeter& operator=(const DirtyMeter&) = delete;
  virtual ~DirtyMeter() = default;

  /// 50 ms to a minute. kRefused where it can't count, or counts for somebody already.
  virtual Result<void> begin_count(Seconds window) = 0;
  /// Of the window begun last; nothing while it lasts. kBusy where somebody else has begun another
  /// one since.
  virtual Result<std::optional<DirtyCount>> dirty_count() = 0;
};

}  // namespace godwit
