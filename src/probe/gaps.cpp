#include "godwit/probe/gaps.h"

#include <algorithm>
#include <vector>

#include "godwit/base/contract.h"

namespace godwit::probe {
namespace {

constexpr Seconds kBurst{0.001};
constexpr std::size_t kMostGaps = 100'000;

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
  if (last_ && at < *last_) at = *last_;
  if (last_ && at - *last_ > longest_) {
    longest_ = at - *last_;
    longest_start_ = *last_;
  }
  if (!last_) longest_start_ = at;
  last_ = at;
  if (burst_ && at - *burst_ < kBurst) return;
  if (burst_ && between_bursts_.size() < kMostGaps) between_bursts_.push_back(at - *burst_);
  burst_ = at;
}

std::optional<GapSummary> GapMeter::summary(TimePoint end) const {
  if (!last_) return std::nullopt;
  GapSummary summary{longest_, median(between_bursts_), longest_start_};
  if (end - *last_ > longest_) {
    summary.longest = end - *last_;
    summary.longest_start = *last_;
  }
  return summary;
}

}  // namespace godwit::probe
