#include "disk_writes.h"

#include <algorithm>
#include <cmath>

#include "godwit/base/log.h"
#include "look_plan.h"

namespace godwit::profile {
namespace {

/// The slowest class shows a fifth of its chunks within the longest window.
constexpr double kBeyond = 4;
/// By then counts change by less than what a few chunks' chance does.
constexpr int kSteps = 400;
/// A class of less is none.
constexpr double kFewest = 0.5;

std::vector<double> offered_rates(const std::vector<ChunksWithin>& seen) {
  std::vector<double> rates;
  const double fastest = kBeyond / seen.front().window.count();
  for (double rate = 1 / (kBeyond * seen.back().window.count()); rate <= fastest; rate *= 2) {
    rates.push_back(rate);
  }
  return rates;
}

/// Share of a class that is met first between two windows.
double met_between(double rate, double from, double to) {
  return std::exp(-rate * from) - std::exp(-rate * to);
}

/// One step for all classes: each count by the share of what was seen that is taken for its.
void improve(const std::vector<ChunksWithin>& seen, std::vector<ChunkClass>& classes) {
  std::vector<double> taken(classes.size());
  double from = 0;
  double before = 0;
  for (const ChunksWithin& one : seen) {
    const double to = one.window.count();
    double expected = 0;
    for (const ChunkClass& c : classes) {
      expected += c.chunks * met_between(c.writes_per_s, from, to);
    }
    for (std::size_t i = 0; i < classes.size() && expected > 0; ++i) {
      const double share = classes[i].chunks * met_between(classes[i].writes_per_s, from, to);
      taken[i] += (one.chunks - before) * share / expected;
    }
    from = to;
    before = one.chunks;
  }
  for (std::size_t i = 0; i < classes.size(); ++i) {
    classes[i].chunks = taken[i] / met_between(classes[i].writes_per_s, 0, from);
  }
}

/// No more chunks than there are: the slowest are fewer, and written so often that as many of them
/// show within the longest window.
void keep_within(double most, double longest, std::vector<ChunkClass>& classes) {
  constexpr double kNearlyAll = 0.999;
  double all = 0;
  for (const ChunkClass& c : classes) all += c.chunks;
  for (ChunkClass& c : classes) {
    if (all <= most) return;
    const double met = c.chunks * met_between(c.writes_per_s, 0, longest);
    const double fewer = std::max(c.chunks - (all - most), std::min(c.chunks, 1.0));
    all -= c.chunks - fewer;
    c.chunks = fewer;
    c.writes_per_s = -std::log1p(-std::min(met / fewer, kNearlyAll)) / longest;
  }
}

}  // namespace

std::vector<ChunkClass> chunk_classes(const std::vector<ChunksWithin>& seen, double most) {
  std::vector<ChunkClass> classes;
  if (seen.empty() || seen.back().chunks <= 0) return classes;
  for (const double rate : offered_rates(seen)) classes.push_back({seen.back().chunks, rate});
  for (int i = 0; i < kSteps; ++i) improve(seen, classes);
  std::erase_if(classes, [](const ChunkClass& c) { return c.chunks < kFewest; });
  keep_within(most, seen.back().window.count(), classes);
  return classes;
}

DiskLooks::DiskLooks(const ObserveOptions& options)
    : disks_(options.disks),
      watch_(options.disks.watch),
      due_(look_times(options.length)),
      chunk_(disks_.disks.size()),
      seen_(disks_.disks.size()) {
  due_.erase(due_.begin());  // nothing is written within no time
}

void DiskLooks::look(TimePoint now) {
  if (watch_ == nullptr || looks_ == due_.size()) return;
  if (now - disks_.since < due_[looks_]) return;
  while (looks_ < due_.size() && now - disks_.since >= due_[looks_]) ++looks_;
  take(now);
}

void DiskLooks::take(TimePoint now) {
  const auto written = watch_->written_so_far();
  if (!written) {
    log::warning("how the disks are written could not be seen: {}", written.error().message);
    watch_ = nullptr;
    return;
  }
  last_ = now - disks_.since;
  for (std::size_t i = 0; i < disks_.disks.size(); ++i) {
    const auto one = std::find_if(written->begin(), written->end(), [&](const WrittenSoFar& w) {
      return w.device == disks_.disks[i].device && w.chunk > Bytes();
    });
    if (one == written->end()) continue;
    chunk_[i] = one->chunk;
    const double chunks = one->unique.as_double() / one->chunk.as_double();
    const double before = seen_[i].empty() ? 0 : seen_[i].back().chunks;
    seen_[i].push_back({last_, std::max(chunks, before)});
  }
}

std::vector<DiskProfile> DiskLooks::profiles() const {
  std::vector<DiskProfile> all;
  for (std::size_t i = 0; i < disks_.disks.size(); ++i) {
    const Disk& disk = disks_.disks[i];
    DiskProfile one{disk.device, disk.size.value_or(Bytes()), disk.allocated, {}};
    if (watch_ != nullptr && !seen_[i].empty()) {
      const double most = std::ceil(one.size.as_double() / chunk_[i].as_double());
      one.writes = DiskWrites{chunk_[i], last_, chunk_classes(seen_[i], most)};
    }
    all.push_back(std::move(one));
  }
  return all;
}

}  // namespace godwit::profile
