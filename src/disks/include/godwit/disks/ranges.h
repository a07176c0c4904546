#pragma once

#include <cstdint>
#include <vector>

#include "godwit/base/units.h"

/// Which parts of a disk to copy. A disk is cut into clusters of one size, of which the last may be
/// shorter. Pure.

namespace godwit::disks {

/// Bytes from `begin` up to `end` of a disk.
struct Range {
  std::int64_t begin = 0;
  std::int64_t end = 0;
  [[nodiscard]] std::int64_t length() const { return end - begin; }
  friend bool operator==(const Range&, const Range&) = default;
};

/// A set of a disk's clusters.
class Clusters {
 public:
  /// `size` ≥ 0, `cluster` > 0.
  Clusters(std::int64_t size, std::int64_t cluster);

  [[nodiscard]] std::int64_t count() const { return static_cast<std::int64_t>(in_.size()); }
  [[nodiscard]] bool contains(std::int64_t number) const { return in_[index(number)]; }
  void insert(std::int64_t number) { in_[index(number)] = true; }
  void erase(std::int64_t number) { in_[index(number)] = false; }
  /// Every cluster that the range touches.
  void insert(const Range& range);
  void erase(const Range& range);
  /// Those that are in both; of disks that are cut alike.
  [[nodiscard]] Clusters intersected(const Clusters& other) const;
  [[nodiscard]] Clusters without(const Clusters& other) const;
  [[nodiscard]] Clusters united(const Clusters& other) const;

  [[nodiscard]] bool empty() const;
  [[nodiscard]] Bytes bytes() const;
  /// Neighbours joined, none longer than `longest` (≥ a cluster), in the disk's order.
  [[nodiscard]] std::vector<Range> ranges(std::int64_t longest) const;
  [[nodiscard]] Range range_of(std::int64_t number) const;

  friend bool operator==(const Clusters&, const Clusters&) = default;

 private:
  static std::size_t index(std::int64_t number) { return static_cast<std::size_t>(number); }

  std::int64_t size_;
  std::int64_t cluster_;
  std::vector<bool> in_;
};

/// The share (0 … 1) of what is allocated, by bytes, rounded to the nearest cluster: those that
/// were not written of late come first, each group in the disk's order.
[[nodiscard]] Clusters choose_share(const Clusters& allocated, const Clusters& of_late,
                                    Ratio share);

/// Of `clusters`, as many from the front as fit into `most`.
[[nodiscard]] Clusters take_first(const Clusters& clusters, Bytes most);

}  // namespace godwit::disks
