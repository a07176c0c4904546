#include "trace_curve.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "godwit/base/statistics.h"
#include "godwit/model/seen_share.h"

namespace godwit::model {
namespace {

/// A trace of fewer pages that changed shows chance.
constexpr std::size_t kFewestPages = 8;

}  // namespace

Slots all_slots(const WriteTrace& trace) {
  Slots all(static_cast<std::size_t>(trace.slots));
  std::iota(all.begin(), all.end(), 0U);
  return all;
}

double changed_within(const WriteTrace& trace, const Slots& slots, std::size_t length) {
  double sum = 0;
  for (const std::vector<bool>& page : trace.changed) {
    // Places without a change lie wholly between two slots with one.
    std::size_t still = 0;
    std::size_t gap = 0;
    for (const std::size_t slot : slots) {
      gap = page[slot] ? 0 : gap + 1;
      if (gap >= length) ++still;
    }
    const std::size_t places = slots.size() - length + 1;
    sum += static_cast<double>(places - still) / static_cast<double>(places);
  }
  return sum;
}

std::vector<DirtyPoint> curve_of(const WriteTrace& trace, const Slots& slots, std::size_t longest,
                                 double scale, Bytes ram) {
  std::vector<DirtyPoint> curve;
  double before = 0;
  const auto bytes = [&](double pages) {
    return Bytes(std::llround(std::clamp(pages * scale, 0.0, ram.as_double())));
  };
  for (std::size_t length = 1; length <= std::min(longest, slots.size()); length *= 2) {
    const double pages = std::max(before, changed_within(trace, slots, length));
    // of a share, by its standard error
    const double error = kNormal95 * std::sqrt(pages * (1 - pages / trace.pages.as_double()));
    curve.push_back({trace.slot * static_cast<double>(length), bytes(pages), bytes(pages - error),
                     bytes(pages + error)});
    before = pages;
  }
  return curve;
}

std::vector<DirtyPoint> finer_points(const WriteTrace& trace, const DirtyPoint& first, Bytes ram) {
  if (trace.changed.size() < kFewestPages || first.window <= trace.slot) return {};
  const auto longest = static_cast<std::size_t>(std::ceil(2 * (first.window / trace.slot)));
  const double page = ram.as_double() / trace.pages.as_double();
  std::vector<DirtyPoint> curve = curve_of(trace, all_slots(trace), longest, page, ram);
  const double there = unique_at(curve, first.window);
  if (!(there > 0)) return {};
  const Ratio scale(first.unique.as_double() / there);
  for (DirtyPoint& point : curve) {
    point = {point.window, point.unique * scale, point.low * scale, point.high * scale};
  }
  return curve;
}

}  // namespace godwit::model
