#include "token_bucket.h"

#include <algorithm>

#include "godwit/base/contract.h"

namespace godwit::relay {
namespace {

constexpr Seconds kGrain{0.001};
constexpr Seconds kSavedUnused{0.002};
constexpr Seconds kSavedLate{0.01};
constexpr Seconds kWindow{0.1};
constexpr double kMostInWindow = 1.02;
/// Later than the quotient says, which may have been rounded down.
constexpr Seconds kAfter{2e-9};

}  // namespace

void TokenBucket::set_rate(std::optional<BytesPerSecond> rate) {
  rate_ = rate;
  window_.clear();
  carried_in_window_ = 0;
  closed_ = true;
  if (rate_) tokens_ = std::min(tokens_, of_rate(kSavedUnused));
}

double TokenBucket::room() const {
  return kMostInWindow * of_rate(kWindow) - carried_in_window_;
}

void TokenBucket::refill(TimePoint now) {
  const Seconds since = now - filled_at_;
  filled_at_ = now;
  if (!rate_) return;
  const double most = of_rate(closed_ ? kSavedLate : kSavedUnused);
  tokens_ = std::max(tokens_, std::min(tokens_ + of_rate(since), most));
  while (!window_.empty() && now - window_.front().at >= kWindow) {
    carried_in_window_ -= window_.front().bytes;
    window_.pop_front();
  }
  if (std::min(tokens_, room()) >= of_rate(kGrain)) closed_ = false;
}

Bytes TokenBucket::allowance() const {
  if (!rate_) return kMostBytes;
  return closed_ ? Bytes(0) : Bytes(static_cast<std::int64_t>(std::min(tokens_, room())));
}

void TokenBucket::take(Bytes carried) {
  if (!rate_) return;
  if (carried > allowance()) contract_failure("more was carried than the rate allows");
  tokens_ -= carried.as_double();
  if (window_.empty() || window_.back().at < filled_at_) window_.push_back({filled_at_});
  window_.back().bytes += carried.as_double();
  carried_in_window_ += carried.as_double();
  if (std::min(tokens_, room()) < 1) closed_ = true;
}

std::optional<TimePoint> TokenBucket::opens_at() const {
  if (!rate_ || !closed_) return std::nullopt;
  const double missing = std::max(of_rate(kGrain) - tokens_, 0.0);
  TimePoint opens = filled_at_ + Seconds(missing / rate_->value());
  double in_window = room();
  for (auto oldest = window_.begin(); in_window < of_rate(kGrain) && oldest != window_.end();
       ++oldest) {
    in_window += oldest->bytes;
    opens = std::max(opens, oldest->at + kWindow);
  }
  return opens + kAfter;
}

}  // namespace godwit::relay
