#include "correction.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "seen_guest.h"

namespace godwit::steer {
namespace {

/// Rounds that count for what the guest does now; before, it may have done something else.
constexpr std::size_t kMemory = 3;
/// Standard deviation of the logarithm of "dirtied, of what the profile said", before any round has
/// shown it: two in three guests are within a fifth (repeats of the lab's loads).
constexpr double kUsualError = 0.2;
/// A guest does not do exactly the same twice.
constexpr double kLeastError = 0.03;

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

double error_of(const std::vector<double>& activities, double likely) {
  double sum = kUsualError * kUsualError;
  for (const double one : activities) {
    const double off = std::log(std::max(one, 1e-3) / likely);
    sum += off * off;
  }
  const double weight = 1 + static_cast<double>(activities.size());
  return std::max(kLeastError, std::sqrt(sum / weight) / std::sqrt(weight));
}

/// For how long what the first pass found dirty was written, in the mean: a part's pages count from
/// when its first one is sent.
Seconds first_window(const RoundRecord& first, Bytes ram) {
  const int parts = log_parts(ram);
  return first.duration * ((parts + 1) / (2.0 * parts));
}

Seconds window_of(const RoundRecord& round, Bytes ram) {
  return round.number == 1 ? first_window(round, ram) : round.duration;
}

}  // namespace

Seconds end_of_last_round(const RoundView& view) {
  const Seconds disks_first = view.session.launched_at - view.session.started;
  return disks_first + view.rounds.back().started + view.rounds.back().duration;
}

void Correction::learn(const RoundView& view, const twin::Forecaster& forecaster) {
  const RoundRecord& round = view.rounds.back();
  now_.passes = round.number;
  now_.left = round.left.value_or(Bytes());
  now_.cpu_quota = view.cpu_quota.value();
  // It rises with a sync, which ends a round.
  const double throttle = view.status().throttle_percent.value_or(0) / 100.0;
  ran_at_ = std::min(now_.cpu_quota, 1 - std::exchange(now_.throttle, throttle));
  if (round.duration < kShortestRound) return;
  if (round.sent > Bytes()) now_.rate = round.sent / round.duration;
  learn_activity(view, forecaster);
}

/// The first round is only compared with until there is another: its pages were not written within
/// one window.
void Correction::learn_activity(const RoundView& view, const twin::Forecaster& forecaster) {
  const RoundRecord& round = view.rounds.back();
  const Bytes ram = view.status().total.value_or(Bytes());
  const Bytes expected = forecaster.dirtied_within(window_of(round, ram), ran_at_);
  if (!round.dirtied || expected <= Bytes()) return;
  const double activity = *round.dirtied / expected;
  if (round.number > 1) activities_.push_back(activity);
  if (activities_.size() > kMemory) activities_.erase(activities_.begin());
  now_.activity = std::max(activities_.empty() ? activity : median(activities_), kLeastActivity);
  now_.activity_error = error_of(activities_, now_.activity);
}

std::optional<GuestProfile> profile_of_rounds(const RoundView& view) {
  GuestProfile profile;
  profile.ram = view.status().total.value_or(Bytes());
  profile.page_size = page_size(view.status());
  const RoundRecord& first = view.rounds.front();
  if (first.number == 1 && profile.ram > Bytes()) {
    profile.zero_share = Ratio(std::clamp(1 - first.sent / profile.ram, 0.0, 1.0));
  }
  const RoundRecord& last = view.rounds.back();
  if (!last.dirtied || last.duration < kShortestRound || profile.ram <= Bytes())
    return std::nullopt;
  profile.dirty_curve = {
      {window_of(last, profile.ram), *last.dirtied, *last.dirtied, *last.dirtied}};
  return profile;
}

}  // namespace godwit::steer
