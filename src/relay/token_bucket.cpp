#include "token_bucket.h"

#include <algorithm>

#include "godwit/base/contract.h"

namespace godwit::relay {
namespace {

constexpr Seconds kDepth{0.002};

}  // namespace

double TokenBucket::depth() const {
  return rate_->value() * kDepth.count();
}

void TokenBucket::set_rate(std::optional<BytesPerSecond> rate) {
  rate_ = rate;
  if (rate_) tokens_ = std::min(tokens_, depth());
}

void TokenBucket::refill(TimePoint now) {
  const Seconds since = now - filled_at_;
  filled_at_ = now;
  if (!rate_) return;
  tokens_ = std::min(tokens_ + rate_->value() * since.count(), depth());
  if (tokens_ >= depth() / 2) closed_ = false;
}

Bytes TokenBucket::allowance() const {
  if (!rate_) return kMostBytes;
  return closed_ ? Bytes(0) : Bytes(static_cast<std::int64_t>(tokens_));
}

void TokenBucket::take(Bytes carried) {
  if (!rate_) return;
  if (carried > allowance()) contract_failure("more was carried than the rate allows");
  tokens_ -= carried.as_double();
  if (tokens_ < 1) closed_ = true;
}

std::optional<TimePoint> TokenBucket::opens_at() const {
  if (!rate_ || !closed_) return std::nullopt;
  const double missing = std::max(depth() / 2 - tokens_, 0.0);
  // a nanosecond more than the quotient, which may have been rounded down
  return filled_at_ + Seconds(missing / rate_->value()) + Seconds(1e-9);
}

}  // namespace godwit::relay
