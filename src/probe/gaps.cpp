#include "godwit/probe/gaps.h"

#include <algorithm>
#include <vector>

#include "godwit/base/contract.h"

namespace godwit::probe {
namespace {

constexpr Seconds kBurst{0.001};
constexpr std::size_t kMostBursts = 100'000;

Seconds median(std::vector<Seconds> values) {
  if (values.empty()) return Seconds{0};
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 == 1) return *middle;
  return (*std::max_element(values.begin(), middle) + *middle) / 2;
}

}  // namespace

GapSummary summarize_gaps(std::span<const TimePoint> arrivals, TimePoint end) {
  if (arrivals.empty()) contract_failure("gaps between no answers");
  GapSummary summary{Seconds{0}, Seconds{0}, arrivals.front()};
  const auto consider = [&summary](TimePoint from, Seconds gap) {
    if (gap <= summary.longest) return;
    summary.longest = gap;
    summary.longest_start = from;
  };
  std::vector<Seconds> gaps;
  gaps.reserve(arrivals.size() - 1);
  for (std::size_t i = 1; i < arrivals.size(); ++i) {
    gaps.push_back(arrivals[i] - arrivals[i - 1]);
    consider(arrivals[i - 1], gaps.back());
  }
  consider(arrivals.back(), end - arrivals.back());
  summary.usual = median(std::move(gaps));
  return summary;
}

void GapMeter::arrive(TimePoint at) {
  if (any()) at = std::max(at, bursts_.back().last);
  if (any() && at - bursts_.back().first < kBurst) {
    bursts_.back().last = at;
    return;
  }
  if (bursts_.size() == kMostBursts) bursts_.pop_front();
  bursts_.push_back({at, at});
}

std::optional<GapSummary> GapMeter::summary(TimePoint from, TimePoint end) const {
  if (!any()) return std::nullopt;
  GapSummary summary{Seconds{0}, Seconds{0}, bursts_.front().first};
  const auto consider = [&summary, from](TimePoint start, TimePoint stop) {
    if (stop <= from || stop - start <= summary.longest) return;
    summary.longest = stop - start;
    summary.longest_start = start;
  };
  std::vector<Seconds> usual;
  for (std::size_t i = 1; i < bursts_.size(); ++i) {
    usual.push_back(bursts_[i].first - bursts_[i - 1].first);
    consider(bursts_[i - 1].last, bursts_[i].first);
  }
  consider(bursts_.back().last, end);
  summary.usual = median(std::move(usual));
  return summary;
}

}  // namespace godwit::probe
