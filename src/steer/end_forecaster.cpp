#include "godwit/steer/end_forecaster.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <limits>
#include <utility>
#include <vector>

#include "correction.h"
#include "godwit/base/statistics.h"

namespace godwit::steer {
namespace {

/// Per second, of the whole time: a line each few seconds never differs by a tenth.
constexpr double kGlide = 0.02;
/// A rate of less time is a burst's.
constexpr Seconds kMeasurable{0.5};
/// Where nobody set a limit.
constexpr Seconds kForever{3600};
/// A rate that was seen for a while goes on within this, either way.
constexpr double kRateError = 0.05;
/// Rounds that follow sooner are no reason to think again.
constexpr Seconds kThinkAgain{0.5};
/// Before the first round has ended nobody knows how the guest writes: another pass of the same
/// length is a lot.
constexpr double kUnknownRest = 1;
/// Nor what its memory holds: pages of zeros lie together, cost next to nothing, and say little of
/// the others. So the first pass goes on as it went of late, for so long, or slower; half of what
/// is left may be such pages.
constexpr Seconds kOfLate{2};
constexpr double kZerosAhead = 0.5;

/// Since the start of the migration.
using Ends = Interval<Seconds>;

/// An end, and how likely it keeps the intent.
struct Expected {
  std::optional<Ends> end{};
  std::optional<Ratio> kept{};
  bool guess = false;  ///< foretold by nobody: it changes as soon as more is seen
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
  [[nodiscard]] Expected first_pass(const RoundView& view);
  [[nodiscard]] std::optional<BytesPerSecond> pace_of_first_pass(const RoundView& view);
  [[nodiscard]] Expected later_passes(const RoundView& view, bool event);
  [[nodiscard]] Expected by_the_twin(const RoundView& view) const;
  [[nodiscard]] Expected switchover(const RoundView& view) const;
  [[nodiscard]] Expected postcopy(const RoundView& view);
  [[nodiscard]] std::optional<BytesPerSecond> rate_of_pass(const RoundView& view) const;
  [[nodiscard]] std::optional<BytesPerSecond> rate_known(const RoundView& view) const;
  [[nodiscard]] bool keeps_intent(const RoundView& view, const twin::Outlook& way) const;
  void show(const Expected& now, Seconds elapsed, bool event);

  const Known known_;
  std::optional<twin::Forecaster> forecaster_;
  Correction correction_;
  std::size_t rounds_ = 0;  ///< that were learnt from
  Bytes sent_at_round_;     ///< when the newest ended
  Expected after_round_;    ///< as of the last event that was worth a thought
  Seconds thought_{};
  std::size_t rounds_thought_of_ = 0;
  std::optional<std::pair<Seconds, Bytes>> postcopy_began_;
  /// Of the first pass.
  struct Left {
    Seconds at{};
    Bytes left;
  };
  Left pass_began_;
  std::deque<Left> of_late_;

  Expected shown_;
  Seconds looked_{};
};

EndForecaster::EndForecaster(const Known& known) : foresight_(std::make_unique<Foresight>(known)) {}
EndForecaster::~EndForecaster() = default;
EndForecast EndForecaster::look(const RoundView& view, bool event) {
  return foresight_->look(view, event);
}

EndForecast EndForecaster::Foresight::look(const RoundView& view, bool event) {
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
  if (known_.profile == nullptr) {
    const auto profile = profile_of_rounds(view);
    auto made = profile ? twin::Forecaster::make(*profile, known_.link, known_.pair)
                        : Result<twin::Forecaster>(fail(ErrorCode::kNotFound, "nothing seen yet"));
    if (made) forecaster_ = std::move(*made);
  }
  if (forecaster_) correction_.learn(view, *forecaster_);
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

/// Of the running pass; nothing while it is too short to tell.
std::optional<BytesPerSecond> EndForecaster::Foresight::rate_of_pass(const RoundView& view) const {
  const Seconds began = view.rounds.empty() ? view.session.launched_at - view.session.started
                                            : end_of_last_round(view);
  const Bytes sent = view.status().transferred.value_or(Bytes()) - sent_at_round_;
  if (view.elapsed - began < kMeasurable || sent <= Bytes()) return std::nullopt;
  return sent / (view.elapsed - began);
}

/// The best that is known: what was seen, else what was allowed, else what the link carries.
std::optional<BytesPerSecond> EndForecaster::Foresight::rate_known(const RoundView& view) const {
  if (const auto seen = rate_of_pass(view)) return seen;
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

/// How fast less is left in the first pass: of late, or in all of it where that was slower. Nothing
/// while it is too short to tell.
std::optional<BytesPerSecond> EndForecaster::Foresight::pace_of_first_pass(const RoundView& view) {
  if (!view.status().remaining || !view.status().total) return std::nullopt;
  const Left now{view.elapsed, *view.status().remaining};
  if (of_late_.empty() || of_late_.back().left < now.left) {
    of_late_.clear();
    pass_began_ = now;
  }
  of_late_.push_back(now);
  while (of_late_.size() > 2 && now.at - of_late_[1].at >= kOfLate) of_late_.pop_front();
  const Left& before = of_late_.front();
  if (now.at - before.at < kMeasurable || before.left <= now.left) return std::nullopt;
  return std::min((before.left - now.left) / (now.at - before.at),
                  (pass_began_.left - now.left) / (now.at - pass_began_.at));
}

/// As predicted, at the pace that is seen.
Expected EndForecaster::Foresight::first_pass(const RoundView& view) {
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
  const auto pace = pace_of_first_pass(view);
  if (!pace) return {};
  const Seconds left = *view.status().remaining / *pace;
  return {Ends{view.elapsed + left, view.elapsed + left * (1 - kZerosAhead),
               view.elapsed + left * (1 + kUnknownRest)},
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

Expected EndForecaster::Foresight::by_the_twin(const RoundView& view) const {
  if (!forecaster_ || correction_.now().rate.value() <= 0) return {};
  const Seconds began = end_of_last_round(view);
  const Seconds horizon = view.plan.max_time.value_or(began + kForever) - began;
  if (horizon <= Seconds(0)) return {};
  std::vector<double> ends;
  int kept = 0;
  const auto ways = forecaster_->ways(view.plan.technique, view.limits, correction_.now(), horizon);
  for (const twin::Outlook& way : ways) {
    ends.push_back(way.converges ? way.time.count() : std::numeric_limits<double>::infinity());
    kept += keeps_intent(view, way) ? 1 : 0;
  }
  Expected all;
  all.kept = Ratio(static_cast<double>(kept) / static_cast<double>(ways.size()));
  std::sort(ends.begin(), ends.end());
  const auto at = [&](double share) {
    const auto place = static_cast<std::size_t>(share * static_cast<double>(ends.size() - 1));
    return began + Seconds(std::min(ends[place], horizon.count()));
  };
  if (std::isfinite(ends[ends.size() / 2])) all.end = {at(0.5), at(0.05), at(0.95)};
  return all;
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
  if (event || now.guess || !shown_.end || !now.end) {
    shown_ = now;
    return;
  }
  const Seconds most = shown_.end->p50 * kGlide * (elapsed - since).count();
  const auto glide = [most](Seconds& from, Seconds to) {
    from += std::clamp(to - from, -most, most);
  };
  glide(shown_.end->p05, now.end->p05);
  glide(shown_.end->p50, now.end->p50);
  glide(shown_.end->p95, now.end->p95);
  shown_.kept = now.kept;
}

}  // namespace godwit::steer
