#include "godwit/disks/ranges.h"

#include <algorithm>
#include <cmath>

#include "godwit/base/contract.h"

namespace godwit::disks {

Clusters::Clusters(std::int64_t size, std::int64_t cluster)
    : size_(size),
      cluster_(cluster),
      in_(static_cast<std::size_t>((size + cluster - 1) / cluster)) {}

Range Clusters::range_of(std::int64_t number) const {
  return {number * cluster_, std::min((number + 1) * cluster_, size_)};
}

void Clusters::insert(const Range& range) {
  const std::int64_t end = std::min(range.end, size_);
  for (std::int64_t i = range.begin / cluster_; i * cluster_ < end; ++i) insert(i);
}

void Clusters::erase(const Range& range) {
  const std::int64_t end = std::min(range.end, size_);
  for (std::int64_t i = range.begin / cluster_; i * cluster_ < end; ++i) erase(i);
}

Clusters Clusters::intersected(const Clusters& other) const {
  Clusters both = *this;
  for (std::size_t i = 0; i < in_.size(); ++i) both.in_[i] = in_[i] && other.in_[i];
  return both;
}

Clusters Clusters::without(const Clusters& other) const {
  Clusters rest = *this;
  for (std::size_t i = 0; i < in_.size(); ++i) rest.in_[i] = in_[i] && !other.in_[i];
  return rest;
}

Clusters Clusters::united(const Clusters& other) const {
  Clusters all = *this;
  for (std::size_t i = 0; i < in_.size(); ++i) all.in_[i] = in_[i] || other.in_[i];
  return all;
}

bool Clusters::empty() const {
  return std::find(in_.begin(), in_.end(), true) == in_.end();
}

Bytes Clusters::bytes() const {
  std::int64_t sum = 0;
  for (std::int64_t i = 0; i < count(); ++i) sum += contains(i) ? range_of(i).length() : 0;
  return Bytes(sum);
}

std::vector<Range> Clusters::ranges(std::int64_t longest) const {
  std::vector<Range> found;
  for (std::int64_t i = 0; i < count(); ++i) {
    if (!contains(i)) continue;
    const Range one = range_of(i);
    const bool follows = !found.empty() && found.back().end == one.begin &&
                         found.back().length() + one.length() <= longest;
    if (follows) {
      found.back().end = one.end;
    } else {
      found.push_back(one);
    }
  }
  return found;
}

Clusters choose_share(const Clusters& allocated, const Clusters& of_late, Ratio share) {
  const double wanted = share.value() * static_cast<double>(allocated.bytes().count());
  Clusters chosen = allocated.without(allocated);
  double taken = 0;
  for (const Clusters& group : {allocated.without(of_late), allocated.intersected(of_late)}) {
    for (std::int64_t i = 0; i < group.count(); ++i) {
      if (!group.contains(i)) continue;
      const auto length = static_cast<double>(group.range_of(i).length());
      if (taken + length / 2 > wanted) return chosen;
      chosen.insert(i);
      taken += length;
    }
  }
  return chosen;
}

Clusters take_first(const Clusters& clusters, Bytes most) {
  Clusters taken = clusters.without(clusters);
  std::int64_t room = most.count();
  for (std::int64_t i = 0; i < clusters.count(); ++i) {
    if (!clusters.contains(i)) continue;
    room -= clusters.range_of(i).length();
    if (room < 0) break;
    taken.insert(i);
  }
  return taken;
}

}  // namespace godwit::disks
