#include "correction.h"

#include <algorithm>
#include <cmath>

#include "godwit/steer/passes.h"

namespace godwit::steer {
namespace {

/// Rounds that count for what the guest does now; before, it may have done something else.
constexpr std::size_t kMemory = 3;
/// Rounds of which a curve is made: it needs several lengths.
constexpr std::size_t kRoundsOfCurve = 6;
/// Standard deviation of the logarithm of "dirtied, of what the profile said", before any round has
/// shown it: two in three guests are within a fifth (repeats of the lab's loads).
constexpr double kUsualError = 0.2;
/// A guest does not do exactly the same twice.
constexpr double kLeastError = 0.03;
constexpr Bytes kChunk = 1_GiB;  ///< of QEMU's dirty log that is cleared in one go (clear_bmap)
constexpr double kMostChunks = 16;

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

/// For how long what the first pass found dirty was written, in the mean: a chunk's pages count
/// from when its first one is sent.
Seconds first_window(const RoundRecord& first, Bytes ram) {
  const double chunks = std::clamp(std::ceil(ram / kChunk), 1.0, kMostChunks);
  return first.duration * ((chunks + 1) / (2 * chunks));
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
  if (round.duration < kShortestRound) return;
  if (round.sent > Bytes()) now_.rate = round.sent / round.duration;
  learn_activity(view, forecaster);
}

/// The first round is only compared with until there is another: its pages were not written within
/// one window.
void Correction::learn_activity(const RoundView& view, const twin::Forecaster& forecaster) {
  const RoundRecord& round = view.rounds.back();
  const Bytes ram = view.status().total.value_or(Bytes());
  const Bytes expected = forecaster.dirtied_within(window_of(round, ram), now_.cpu_quota);
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
  std::vector<Pass> passes;
  for (auto round = view.rounds.rbegin();
       round != view.rounds.rend() && passes.size() < kRoundsOfCurve; ++round) {
    if (!round->dirtied || round->duration < kShortestRound) continue;
    passes.push_back({window_of(*round, profile.ram), *round->dirtied});
  }
  profile.dirty_curve = curve_of(std::move(passes));
  if (profile.dirty_curve.empty() || profile.ram <= Bytes()) return std::nullopt;
  return profile;
}

}  // namespace godwit::steer
