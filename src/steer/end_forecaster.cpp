#include "godwit/steer/end_forecaster.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "correction.h"
#include "godwit/base/statistics.h"
#include "pace.h"
#include "seen_guest.h"

namespace godwit::steer {
namespace {

/// Per second, of the whole time: a line each few seconds never differs by a tenth.
constexpr double kGlide = 0.02;
/// The same of what nobody predicted: from one second to the next it never differs by a tenth.
constexpr double kGuessGlide = 0.09;
/// A rate of less time is a burst's.
constexpr Seconds kMeasurable{0.5};
/// Where nobody set a limit.
constexpr Seconds kForever{3600};
/// A rate that was seen for a while goes on within this, either way.
constexpr double kRateError = 0.05;
/// Rounds that follow sooner are no reason to think again.
constexpr Seconds kThinkAgain{0.5};
/// Before the first round has ended nobody knows how the guest writes. Of the first pass's length,
/// what comes after it: usually, and at most but for one in twenty. Pre-copies of real guests that
/// took more than two rounds (tests/public): a sixth in the median.
constexpr double kUsualRest = 0.08;
constexpr double kLongRest = 1;
/// Nor what its memory holds: half of what is left may be pages of zeros, which cost next to
/// nothing.
constexpr double kZerosAhead = 0.5;
/// An end is said where at least so many ways lead to one.
constexpr double kLikelyToEnd = 0.5;

/// Since the start of the migration.
using Ends = Interval<Seconds>;

/// An end, and how likely it keeps the intent.
struct Expected {
  std::optional<Ends> end{};
  std::optional<Ratio> kept{};
  bool guess = false;  ///< foretold by nobody: it follows what is seen
};

Ends within(Seconds from, Seconds length, double error) {
  return {from + length, from + length * (1 - error), from + length * (1 + error)};
}

Ends no_earlier_than(Ends end, const Ends& bound) {
  end.p05 = std::max(end.p05, bound.p05);
  end.p50 = std::max(end.p50, bound.p50);
  end.p95 = std::max(end.p95, bound.p95);
  return end;
}

/// Of a value that is normal on either side of its median.
double probability_of_at_most(double limit, double p05, double p50, double p95) {
  const double side = limit < p50 ? p50 - p05 : p95 - p50;
  if (side <= 0) return limit < p50 ? 0 : 1;
  return std::erfc(-(limit - p50) / side * kNormal95 / std::sqrt(2)) / 2;
}

std::optional<Seconds> time_limit(const MigrationPlan& plan) {
  return plan.intent.max_time ? plan.intent.max_time : plan.max_time;
}

/// Nothing where there is no limit of time.
double ends_in_time(const MigrationPlan& plan, const Ends& end) {
  const auto limit = time_limit(plan);
  if (!limit) return 1;
  return probability_of_at_most(limit->count(), end.p05.count(), end.p50.count(), end.p95.count());
}

template <class T>
double keeps(const std::optional<T>& limit, const std::optional<Interval<T>>& value) {
  if (!limit || !value) return 1;
  const auto number = [](const T& one) {
    if constexpr (std::is_same_v<T, Bytes>) {
      return one.as_double();
    } else if constexpr (std::is_same_v<T, Ratio>) {
      return one.value();
    } else {
      return one.count();
    }
  };
  return probability_of_at_most(number(*limit), number(value->p05), number(value->p50),
                                number(value->p95));
}

}  // namespace

class EndForecaster::Foresight {
 public:
  explicit Foresight(const Known& known) : known_(known) {
    if (known.profile == nullptr) return;
    if (auto made = twin::Forecaster::make(*known.profile, known.link, known.pair)) {
      forecaster_.emplace(std::move(*made));
    }
  }
  EndForecast look(const RoundView& view, bool event);

 private:
  void learn(const RoundView& view);
  [[nodiscard]] Expected estimate(const RoundView& view, bool event);
  [[nodiscard]] Expected mirroring(const RoundView& view) const;
  [[nodiscard]] Expected first_pass(const RoundView& view) const;
  [[nodiscard]] Expected later_passes(const RoundView& view, bool event);
  [[nodiscard]] Expected by_the_twin(const RoundView& view) const;
  [[nodiscard]] std::vector<twin::Outlook> ways(const RoundView& view, Seconds horizon) const;
  [[nodiscard]] Expected switchover(const RoundView& view) const;
  [[nodiscard]] Expected postcopy(const RoundView& view);
  [[nodiscard]] std::optional<BytesPerSecond> rate_known(const RoundView& view) const;
  [[nodiscard]] bool keeps_intent(const RoundView& view, const twin::Outlook& way) const;
  void show(const Expected& now, Seconds elapsed, bool event);

  const Known known_;
  std::optional<twin::Forecaster> forecaster_;
  Correction correction_;
  SeenGuest seen_;  ///< of a guest that nobody observed
  Pace pace_;
  std::size_t rounds_ = 0;  ///< that were learnt from
  Bytes sent_at_round_;     ///< when the newest ended
  Expected after_round_;    ///< as of the last event that was worth a thought
  Seconds thought_{};
  std::size_t rounds_thought_of_ = 0;
  std::optional<std::pair<Seconds, Bytes>> postcopy_began_;
  Expected shown_;
  Seconds looked_{};
};

EndForecaster::EndForecaster(const Known& known) : foresight_(std::make_unique<Foresight>(known)) {}
EndForecaster::~EndForecaster() = default;
EndForecast EndForecaster::look(const RoundView& view, bool event) {
  return foresight_->look(view, event);
}

EndForecast EndForecaster::Foresight::look(const RoundView& view, bool event) {
  const MigrationStatus& status = view.status();
  if (status.transferred && status.remaining) {
    pace_.look(view.elapsed, *status.transferred, *status.remaining);
  }
  learn(view);
  show(estimate(view, event), view.elapsed, event);
  EndForecast forecast;
  forecast.ends = shown_.kept;
  if (!shown_.end) return forecast;
  const auto left = [&view](Seconds end) { return std::max(end - view.elapsed, Seconds(0)); };
  forecast.eta = {left(shown_.end->p50), left(shown_.end->p05), left(shown_.end->p95)};
  return forecast;
}

/// Only the newest round is learnt from where several ended in one look.
void EndForecaster::Foresight::learn(const RoundView& view) {
  if (view.rounds.size() == rounds_ || view.rounds.empty()) return;
  rounds_ = view.rounds.size();
  sent_at_round_ = view.status().transferred.value_or(sent_at_round_);
  if (!forecaster_ && known_.profile == nullptr) {
    const auto profile = profile_of_rounds(view);
    auto made = profile ? twin::Forecaster::make(*profile, known_.link, known_.pair)
                        : Result<twin::Forecaster>(fail(ErrorCode::kNotFound, "nothing seen yet"));
    if (made) forecaster_ = std::move(*made);
  }
  if (!forecaster_) return;
  correction_.learn(view, *forecaster_);
  if (known_.profile != nullptr) return;
  seen_.learn(view.rounds.back(), view.status().total.value_or(Bytes()), correction_.ran_at());
}

Expected EndForecaster::Foresight::estimate(const RoundView& view, bool event) {
  switch (view.stage) {
    case Stage::kMirroring:
      return mirroring(view);
    case Stage::kPrecopy:
    case Stage::kHeldBack:
      return view.rounds.empty() ? first_pass(view) : later_passes(view, event);
    case Stage::kSwitchover:
      return switchover(view);
    case Stage::kPostcopyOrdered:
    case Stage::kPostcopy:
      return postcopy(view);
    case Stage::kOver:
      if (view.status().phase != MigrationPhase::kCompleted) return {};
      return {Ends{view.elapsed, view.elapsed, view.elapsed}, shown_.kept};
    default:
      return {};
  }
}

// --- pace ---

/// The best that is known: what was seen, else what was allowed, else what the link carries.
std::optional<BytesPerSecond> EndForecaster::Foresight::rate_known(const RoundView& view) const {
  if (const auto seen = pace_.sent()) return seen;
  if (correction_.now().rate.value() > 0) return correction_.now().rate;
  if (view.limits.max_bandwidth && view.limits.max_bandwidth->value() > 0) {
    return view.limits.max_bandwidth;
  }
  if (known_.link.rate.value() > 0) return known_.link.rate;
  return std::nullopt;
}

// --- before memory's turn, and in its first pass ---

Expected EndForecaster::Foresight::mirroring(const RoundView& view) const {
  if (known_.expected != nullptr && known_.expected->total_time) {
    return {known_.expected->total_time, std::nullopt};
  }
  const auto& disks = view.session.storage;
  if (!disks || disks->done <= Bytes() || view.elapsed < kMeasurable) return {};
  const Seconds left = (disks->left + view.session.ram) / (disks->done / view.elapsed);
  return {within(view.elapsed, left, kRateError), std::nullopt};
}

/// As predicted, at the pace that is seen.
Expected EndForecaster::Foresight::first_pass(const RoundView& view) const {
  const Bytes sent = view.status().transferred.value_or(Bytes());
  const TechniquePrediction* said = known_.expected;
  const auto rate = rate_known(view);
  if (rate && said != nullptr && said->total_time && !said->rounds.empty() &&
      said->rounds.front().duration > Seconds(0) && said->rounds.front().sent > Bytes()) {
    const PredictedRound& pass = said->rounds.front();
    const double pace = pass.sent / pass.duration / *rate;  // above 1: slower than predicted
    const Seconds disks_first = view.session.launched_at - view.session.started;
    const auto end = [&](Seconds total) {
      const Seconds rest = std::max(total - pass.duration, Seconds(0)) * pace;
      return std::max(view.elapsed, disks_first) + std::max(pass.sent - sent, Bytes()) / *rate +
             (view.session.held_back ? Seconds(0) : rest);
    };
    const Ends ends{end(said->total_time->p50), end(said->total_time->p05),
                    end(said->total_time->p95)};
    const double kept = std::min({ends_in_time(view.plan, ends),
                                  keeps(view.plan.intent.max_downtime, said->downtime.probe),
                                  keeps(view.plan.intent.max_bytes, said->transferred),
                                  keeps(view.plan.intent.max_slowdown, said->slowdown)});
    return {ends, Ratio(kept)};
  }
  const auto pace = pace_.done();
  if (!pace || !view.status().remaining) return {};
  const Seconds left = *view.status().remaining / *pace;
  const Seconds whole = view.elapsed - (view.session.launched_at - view.session.started) + left;
  return {Ends{view.elapsed + left + whole * kUsualRest, view.elapsed + left * (1 - kZerosAhead),
               view.elapsed + left + whole * kLongRest},
          std::nullopt, true};
}

// --- after it ---

bool EndForecaster::Foresight::keeps_intent(const RoundView& view, const twin::Outlook& way) const {
  const Intent& intent = view.plan.intent;
  const auto limit = time_limit(view.plan);
  if (!way.converges || (limit && end_of_last_round(view) + way.time > *limit)) return false;
  if (intent.max_downtime && way.outage > *intent.max_downtime) return false;
  return !intent.max_bytes || sent_at_round_ + way.sent <= *intent.max_bytes;
}

/// From the newest round on, at the rate of late: a round may have been too short to tell it, or
/// have been spent on zeros.
std::vector<twin::Outlook> EndForecaster::Foresight::ways(const RoundView& view,
                                                          Seconds horizon) const {
  twin::UnderWay now = correction_.now();
  now.rate = pace_.sent().value_or(now.rate);
  if (now.rate.value() <= 0) return {};
  if (known_.profile != nullptr) {
    return forecaster_->ways(view.plan.technique, view.limits, now, horizon);
  }
  const auto guests = seen_.growths();
  if (guests.empty()) return {};
  return forecaster_->ways(view.plan.technique, view.limits, now, horizon, guests);
}

/// When it ends is that of the ways that end; how many do is said apart.
Expected EndForecaster::Foresight::by_the_twin(const RoundView& view) const {
  if (!forecaster_) return {};
  const Seconds began = end_of_last_round(view);
  const Seconds horizon = view.plan.max_time.value_or(began + kForever) - began;
  if (horizon <= Seconds(0)) return {};
  const auto all = ways(view, horizon);
  if (all.empty()) return {};
  std::vector<double> ends;
  int kept = 0;
  for (const twin::Outlook& way : all) {
    if (way.converges) ends.push_back(way.time.count());
    kept += keeps_intent(view, way) ? 1 : 0;
  }
  const auto count = static_cast<double>(all.size());
  Expected expected{{}, Ratio(kept / count)};
  if (static_cast<double>(ends.size()) < kLikelyToEnd * count) return expected;
  std::sort(ends.begin(), ends.end());
  const auto at = [&](double share) { return began + Seconds(sorted_quantile(ends, share)); };
  expected.end = {at(0.5), at(0.05), at(0.95)};
  return expected;
}

/// A plan that ends by post-copy itself keeps to what was predicted until then.
Expected EndForecaster::Foresight::later_passes(const RoundView& view, bool event) {
  if (uses_postcopy(view.plan.technique)) return shown_;
  const bool new_limits = event && view.rounds.size() == rounds_thought_of_;
  if (new_limits || (event && view.elapsed - thought_ >= kThinkAgain) || rounds_thought_of_ == 0) {
    after_round_ = by_the_twin(view);
    thought_ = view.elapsed;
  }
  if (event) rounds_thought_of_ = view.rounds.size();
  Expected now = after_round_;
  const auto rate = rate_known(view);
  const auto& remaining = view.status().remaining;
  if (!now.end || !rate || !remaining) return now;
  const Ends bound = within(view.elapsed, *remaining / *rate, kRateError);
  now.end = no_earlier_than(*now.end, bound);
  return now;
}

Expected EndForecaster::Foresight::switchover(const RoundView& view) const {
  const auto rate = rate_known(view);
  if (!rate) return shown_;
  const twin::HostPairConstants& pair = known_.pair;
  const Seconds left = view.status().remaining.value_or(Bytes()) / *rate;
  const Ends bound{
      view.elapsed + left + pair.device_state.p50 + pair.resume.p50,
      view.elapsed + left * (1 - kRateError) + pair.device_state.p05 + pair.resume.p05,
      view.elapsed + left * (1 + kRateError) + pair.device_state.p95 + pair.resume.p95};
  return {bound, shown_.kept};
}

/// What is left follows; what a client waits for meanwhile nobody foresees.
Expected EndForecaster::Foresight::postcopy(const RoundView& view) {
  const Bytes sent = view.status().transferred.value_or(Bytes());
  if (!postcopy_began_) postcopy_began_.emplace(view.elapsed, sent);
  const Seconds since = view.elapsed - postcopy_began_->first;
  auto rate = rate_known(view);
  if (view.limits.max_postcopy_bandwidth && view.limits.max_postcopy_bandwidth->value() > 0) {
    rate = view.limits.max_postcopy_bandwidth;
  }
  if (since >= kMeasurable && sent > postcopy_began_->second) {
    rate = (sent - postcopy_began_->second) / since;
  }
  if (!rate || !view.status().remaining) return {};
  const Ends end = within(view.elapsed, *view.status().remaining / *rate, 2 * kRateError);
  return {end, Ratio(ends_in_time(view.plan, end))};
}

// --- what is said ---

void EndForecaster::Foresight::show(const Expected& now, Seconds elapsed, bool event) {
  const Seconds since = std::exchange(looked_, elapsed);
  if (event || !shown_.end || !now.end) {
    shown_ = now;
    return;
  }
  const double glides = now.guess ? kGuessGlide : kGlide;
  const Seconds most = shown_.end->p50 * glides * (elapsed - since).count();
  const auto glide = [most](Seconds& from, Seconds to) {
    from += std::clamp(to - from, -most, most);
  };
  glide(shown_.end->p05, now.end->p05);
  glide(shown_.end->p50, now.end->p50);
  glide(shown_.end->p95, now.end->p95);
  shown_.kept = now.kept;
}

}  // namespace godwit::steer
