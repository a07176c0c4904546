#include "kubevirt.h"

#include <algorithm>
#include <cmath>

#include "order_of.h"

namespace godwit::steer {
namespace {

bool sends(const RoundView& view) {
  return view.status().phase == MigrationPhase::kActive && view.status().remaining;
}

}  // namespace

// --- by time ---

Order KubevirtLegacy::at_look(const RoundView& view) {
  constexpr double kPerGib = 150;
  constexpr Seconds kNoProgress{150};
  if (acted_ || !sends(view) || !view.status().total) return {};
  const Bytes left = *view.status().remaining;
  if (progress_at_ == Seconds(0) || left < least_left_) {
    least_left_ = left;
    progress_at_ = view.elapsed;
  }
  const double gib = gibibytes(view.status());
  const bool late = view.elapsed.count() > kPerGib * gib;
  const bool stuck = view.elapsed - progress_at_ > kNoProgress;
  acted_ = late || stuck;
  if (stuck) return give_up("no progress for 150 s");
  if (!late) return {};
  if (view.may_postcopy) return postcopy("it takes longer than 150 s per GiB");
  if (!view.plan.intent.max_downtime) {
    return limit(kLongestDowntimeLimit, "it takes longer than 150 s per GiB");
  }
  return give_up("it takes longer than 150 s per GiB");
}

// --- by stalling ---

namespace {

constexpr Seconds kLookEvery{0.4};
constexpr double kWeight = 0.4;
constexpr Seconds kStallMemory{40};
constexpr double kStalledAbove = 0.96;
constexpr double kLow = 1.04;
constexpr Seconds kMost{0.9};
constexpr double kStretch = 1.5;
constexpr Seconds kTimeToSwitch{60};

}  // namespace

Order KubevirtStall::after_round(const RoundView& view) {
  if (view.rounds.back().left) records_.push_back({view.elapsed, *view.rounds.back().left});
  return {};
}

void KubevirtStall::measure(const RoundView& view) {
  const Bytes sent = view.status().transferred.value_or(sent_before_);
  const Seconds passed = view.elapsed - measured_at_;
  const double now = (sent - sent_before_).as_double() / passed.count();
  bandwidth_ = bandwidth_ ? kWeight * now + (1 - kWeight) * *bandwidth_ : now;
  sent_before_ = sent;
  measured_at_ = view.elapsed;
}

bool KubevirtStall::stalled(Seconds now) const {
  std::optional<Bytes> least;
  for (const Record& record : records_) {
    if (now - record.when > kStallMemory)
      least = std::min(record.left, least.value_or(record.left));
  }
  return least && !records_.empty() &&
         records_.back().left.as_double() >= kStalledAbove * least->as_double();
}

/// What is left falls within a round and jumps at its end: it is acted on where it is low.
bool KubevirtStall::at_a_low(const RoundView& view) const {
  Bytes best = records_.front().left;
  for (const Record& record : records_) best = std::min(best, record.left);
  const double halvings = std::floor((view.elapsed - *stalled_at_) / kStallMemory);
  const double margin = kLow * std::exp2(halvings);
  return view.status().remaining->as_double() <= margin * best.as_double();
}

Order KubevirtStall::at_look(const RoundView& view) {
  if (ended_ || !sends(view) || view.elapsed - measured_at_ < kLookEvery) return {};
  measure(view);
  if (must_switch_by_) {
    ended_ = view.elapsed > *must_switch_by_;
    return ended_ ? give_up("it did not switch over within a minute") : Order{};
  }
  if (!stalled(view.elapsed)) {
    stalled_at_.reset();
    return {};
  }
  if (!stalled_at_) stalled_at_ = view.elapsed;
  return at_a_low(view) ? act(view) : Order{};
}

Order KubevirtStall::act(const RoundView& view) {
  ended_ = true;
  if (view.may_postcopy) return postcopy("it has stalled");
  if (!view.plan.intent.max_downtime) return limit(kLongestDowntimeLimit, "it has stalled");
  const double estimate = view.status().remaining->as_double() / std::max(*bandwidth_, 1.0);
  if (estimate > kStretch * kMost.count()) return give_up("it has stalled, and too much is left");
  ended_ = false;
  must_switch_by_ = view.elapsed + kTimeToSwitch;
  return limit(kMost, "it has stalled, and little is left");
}

}  // namespace godwit::steer
