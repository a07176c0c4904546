#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <set>

#include "godwit/base/statistics.h"
#include "godwit/evaluate/evaluation.h"

namespace godwit::evaluate {
namespace {

using dataset::Trace;
using dataset::TraceSample;

constexpr double kPageBytes = 4096;
constexpr Seconds kInTime{60};
constexpr double kVerdictAt = 0.25;

/// The last sample that was there when a share of the trace was over; null when there was none.
const TraceSample* sample_at(const Trace& trace, double share) {
  const TraceSample* last = nullptr;
  for (const TraceSample& sample : trace.samples) {
    if (sample.total <= trace.total_time * share) last = &sample;
  }
  return last;
}

// --- models: seconds that it still takes ---

std::optional<double> by_rate(const TraceSample& now) {
  if (!now.throughput || now.throughput->value() <= 0) return std::nullopt;
  return (now.remaining / *now.throughput).count();
}

std::optional<double> by_ramanathan(const TraceSample& now) {
  if (!now.throughput) return std::nullopt;
  const double rate = now.throughput->value() - now.dirty_pages_per_s.value_or(0) * kPageBytes;
  if (rate <= 0) return std::nullopt;
  return now.remaining.as_double() / rate;
}

/// The other trace's sample in the same round, or the nearest one to it, with the nearest
/// remainder.
const TraceSample* same_progress(const Trace& other, const TraceSample& now) {
  const TraceSample* best = nullptr;
  double best_rounds = 0;
  double best_bytes = 0;
  for (const TraceSample& sample : other.samples) {
    const auto rounds =
        std::abs(static_cast<double>(sample.syncs.value_or(0) - now.syncs.value_or(0)));
    const double bytes = std::abs((sample.remaining - now.remaining).as_double());
    if (best == nullptr || rounds < best_rounds || (rounds == best_rounds && bytes < best_bytes)) {
      best = &sample;
      best_rounds = rounds;
      best_bytes = bytes;
    }
  }
  return best;
}

std::optional<Expected> by_progress(const std::vector<const Trace*>& peers,
                                    const TraceSample& now) {
  std::vector<double> needed;
  for (const Trace* peer : peers) {
    const TraceSample* then = same_progress(*peer, now);
    if (then != nullptr && then->total < peer->total_time) {
      needed.push_back((peer->total_time - then->total).count());
    }
  }
  return expected_next(needed);
}

std::optional<double> by_history(const std::vector<const Trace*>& peers, const TraceSample& now) {
  std::vector<double> totals;
  for (const Trace* peer : peers) totals.push_back(peer->total_time.count());
  if (totals.empty()) return std::nullopt;
  return std::max(quantile(std::move(totals), 0.5) - now.total.count(), 0.0);
}

void evaluate(const Trace& trace, const std::vector<const Trace*>& peers, double share,
              bool verdict, Evaluation& evaluation) {
  const TraceSample* now = sample_at(trace, share);
  if (now == nullptr) return;
  const double actual = (trace.total_time - now->total).count();
  const std::string at = trace.scenario.substr(0, trace.scenario.find('_'));
  const auto note = [&](const std::string& model, const std::optional<Expected>& predicted) {
    const bool ends = predicted && now->total.count() + predicted->value.p50 <= kInTime.count();
    if (verdict)
      evaluation.verdicts.push_back({model, ends ? 1.0 : 0.0, trace.total_time <= kInTime});
    if (!predicted) return;
    evaluation.predictions.push_back(
        {model + " at " + std::to_string(std::lround(share * 100)) + " %", at,
         Metric::kRemainingTime, *predicted, actual});
  };
  note("remaining/rate", without_interval(by_rate(*now)));
  note("ramanathan", without_interval(by_ramanathan(*now)));
  note("history", without_interval(by_history(peers, *now)));
  note("progress", by_progress(peers, *now));
}

}  // namespace

Evaluation evaluate_qmp_traces(std::span<const Trace> traces, std::span<const double> shares) {
  Evaluation evaluation;
  evaluation.split = "each from its own beginning and from the other runs of its scenario";
  std::set<std::string> scenarios;
  for (const Trace& trace : traces) {
    std::vector<const Trace*> peers;
    for (const Trace& other : traces) {
      if (&other != &trace && other.scenario == trace.scenario) peers.push_back(&other);
    }
    for (const double share : shares)
      evaluate(trace, peers, share, share == kVerdictAt, evaluation);
    scenarios.insert(trace.scenario);
  }
  evaluation.migrations = traces.size();
  evaluation.loads = scenarios.size();
  return evaluation;
}

}  // namespace godwit::evaluate
