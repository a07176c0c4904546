#include "godwit/fleet/estimate.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "godwit/base/statistics.h"

namespace godwit::fleet {
namespace {

/// Two runs of one migration differ by as much (docs/scheduling.md: noise of the public
/// executions).
constexpr double kLeastError = 0.02;
/// Of a VM of which nothing is known: half the time or twice as long.
constexpr double kUnknownError = 0.42;
/// Of a dirtying beyond which a path is not shared, so little is left of it.
constexpr double kNearly = 0.999;

/// Of half of a 90 % interval, on a logarithmic scale.
double error_of(Seconds longer, Seconds shorter) {
  return std::max(std::log(longer / shorter) / kNormal95, kLeastError);
}

/// Solves time = memory / (rate − cold) for both rates.
schedule::MemoryLoad fitted(Seconds whole, std::optional<Seconds> half, BytesPerSecond rate) {
  const BytesPerSecond less = rate * Ratio(0.5);
  double cold = less.value() * kNearly;  // too slow for half of the path
  if (half && *half > whole) {
    const double solved = (half->count() * less.value() - whole.count() * rate.value()) /
                          (half->count() - whole.count());
    cold = std::clamp(solved, 0.0, cold);
  }
  const BytesPerSecond left = rate - BytesPerSecond(cold);
  return {left * whole, Bytes(0), BytesPerSecond(cold)};
}

}  // namespace

Result<Way> way_of(const TechniquePrediction& whole, const TechniquePrediction* half,
                   BytesPerSecond rate, const Costs& costs) {
  if (!whole.converges || !whole.total_time || whole.total_time->p05.count() <= 0) {
    return fail(ErrorCode::kUnsupported,
                fmt::format("{} would not end: {}", to_string(whole.technique), whole.why));
  }
  std::optional<Seconds> slower;
  if (half != nullptr && half->converges && half->total_time) {
    slower = half->total_time->p50 + costs.around;
  }
  const Interval<Seconds>& time = *whole.total_time;
  Way way{whole.technique,
          whole.parameters,
          {},
          error_of(time.p95, time.p50),
          error_of(time.p50, time.p05)};
  way.load = fitted(whole.total_time->p50 + costs.around, slower, rate);
  return way;
}

Estimate without_profile(const std::string& vm, Bytes memory, BytesPerSecond rate,
                         const std::vector<OutcomeRecord>& history, const Costs& costs) {
  constexpr double kPasses = 2;
  Estimate estimate;
  estimate.vm = vm;
  Bytes sent;
  std::size_t known = 0;
  for (const OutcomeRecord& record : history) {
    const MigrationOutcome& outcome = record.outcome;
    if (outcome.status != OutcomeStatus::kCompleted || !outcome.transferred.qemu) continue;
    sent = std::max(sent, *outcome.transferred.qemu);
    ++known;
  }
  if (known == 0) sent = memory * Ratio(kPasses);
  estimate.ground = known == 0 ? "never seen: all of its memory, twice"
                               : fmt::format("the worst of {} earlier moves", known);
  Way way{Technique::kPrecopy, {}, {}, kUnknownError, kUnknownError};
  way.load.memory = sent + rate * costs.around;
  estimate.ways.push_back(way);
  return estimate;
}

}  // namespace godwit::fleet
