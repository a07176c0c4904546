#pragma once

#include <cstddef>
#include <vector>

#include "godwit/domain/guest_profile.h"
#include "godwit/profile/observe.h"

namespace godwit::profile {

/// Chunks of a disk that were written at least once within a window.
struct ChunksWithin {
  Seconds window{};
  double chunks = 0;
};

/// Classes of chunks, written as Poisson processes (Zhang's), that explain what was seen best.
///
/// A class of n chunks, each written r times a second, shows n (1 - exp(-r t)) of them within t.
/// Rates a factor of two apart are offered, from one that shows in the shortest window to one whose
/// chunks have hardly all been met in four times the longest; their counts are those of the largest
/// likelihood, by expectation maximization (Shepp and Vardi, 1982). `seen`: ascending
/// windows, chunks never falling. `most`: chunks of the disk; where more would be needed fewer are
/// written more often.
[[nodiscard]] std::vector<ChunkClass> chunk_classes(const std::vector<ChunksWithin>& seen,
                                                    double most);

/// Looks at watched disks when it is time.
class DiskLooks {
 public:
  explicit DiskLooks(const ObserveOptions& options);

  /// To be called often; costs a question to the hypervisor at each of the observation's windows.
  void look(TimePoint now);
  /// After the last look. Disks that could not be watched have no writes.
  [[nodiscard]] std::vector<DiskProfile> profiles() const;

 private:
  void take(TimePoint now);

  const WatchedDisks& disks_;
  DiskWatch* watch_;          ///< null: none, or it failed
  std::vector<Seconds> due_;  ///< since the watch began
  std::size_t looks_ = 0;
  Seconds last_{};
  std::vector<Bytes> chunk_;                     ///< of each disk
  std::vector<std::vector<ChunksWithin>> seen_;  ///< likewise
};

}  // namespace godwit::profile
