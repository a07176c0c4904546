#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <set>

#include "godwit/base/statistics.h"
#include "godwit/evaluate/evaluation.h"
#include "godwit/model/jin.h"
#include "godwit/model/ramanathan.h"
#include "godwit/twin/qemu.h"

namespace godwit::evaluate {
namespace {

using dataset::PrecopyRun;

constexpr PageSize kPage{4096};
constexpr double kPageOnTheWire = 4096 + twin::kPageHeader;
/// To find that a page is zero. Estimate, about 4 GB/s.
constexpr double kZeroPageScan = 1e-6;
/// A round that fits it is the last.
constexpr double kDowntimeLimit = twin::kDefaultDowntimeLimit.count();
/// Where a pair has no history of its own. Fitted: the median of 39 campaigns of the set is 0.81.
constexpr double kUsualExponent = 0.8;

/// What is known of a pre-copy after its second round. Page counts as doubles.
struct Beginning {
  explicit Beginning(const PrecopyRun& run)
      : setup(run.setup.count()),
        zero(run.zero_pages.as_double()),
        data(std::max(run.rounds[0].as_double() - zero, 1.0)),
        second(run.rounds[1].as_double()) {}
  double setup;
  double zero;
  double data;    ///< first round's pages with content
  double second;  ///< second round's pages
  [[nodiscard]] double first_round(double rate) const {
    return data * kPageOnTheWire / rate + zero * (twin::kZeroMark / rate + kZeroPageScan);
  }
  [[nodiscard]] BytesPerSecond dirty_rate(double rate) const {
    return BytesPerSecond(second * 4096 / first_round(rate));
  }
};

// --- what a pair's other migrations tell ---

using Peers = std::vector<const PrecopyRun*>;

double median_of(const Peers& peers, auto value) {
  std::vector<double> values;
  for (const PrecopyRun* peer : peers) values.push_back(value(*peer));
  return quantile(std::move(values), 0.5);
}
double rate_of(const Peers& peers) {
  return median_of(peers, [](const PrecopyRun& run) {
    return run.transferred.as_double() / (run.total_time - run.setup).count();
  });
}
double total_of(const PrecopyRun& run) {
  return run.total_time.count();
}

/// W(t) = c t^a: a is the slope of log(pages of the next round) over log(pages of this one). The
/// last round is no whole one.
double exponent_of(const Peers& peers) {
  double xy = 0;
  double xx = 0;
  for (const PrecopyRun* peer : peers) {
    if (peer->rounds.size() < 4) continue;
    double before = Beginning(*peer).data;
    for (std::size_t k = 1; k + 2 < peer->rounds.size(); ++k) {
      const double now = peer->rounds[k].as_double();
      const double next = peer->rounds[k + 1].as_double();
      if (now < 1 || next < 1) break;
      const double x = std::log(now / before);
      xy += x * std::log(next / now);
      xx += x * x;
      before = now;
    }
  }
  return xx > 0 ? std::clamp(xy / xx, 0.1, 1.0) : kUsualExponent;
}

/// What the models need to know of a pair of hosts with its guest and load.
struct Pair {
  explicit Pair(const Peers& peers) : rate(rate_of(peers)), exponent(exponent_of(peers)) {
    for (const PrecopyRun* peer : peers) most_rounds = std::max(most_rounds, peer->rounds.size());
  }
  double rate;      ///< bytes a second
  double exponent;  ///< of W(t)
  /// The curve may settle above what fits the downtime limit, but all migrations of this set ended.
  std::size_t most_rounds = 0;
};

// --- models: total time in seconds ---

double by_curve(const Beginning& seen, const Pair& pair) {
  double pages = seen.second;
  double sent = pages;
  double before = seen.data;
  for (std::size_t round = 2; round < pair.most_rounds; ++round) {
    if (pages * kPageOnTheWire / pair.rate <= kDowntimeLimit) break;
    const double next = pages * std::min(std::pow(pages / before, pair.exponent), 1.0);
    before = pages;
    pages = next;
    sent += pages;
  }
  return seen.setup + seen.first_round(pair.rate) + sent * kPageOnTheWire / pair.rate;
}

double by_remaining(const Beginning& seen, double rate) {
  return seen.setup + seen.first_round(rate) + seen.second * kPageOnTheWire / rate;
}

std::optional<double> by_ramanathan(const Beginning& seen, double rate) {
  model::RamanathanVm vm;
  vm.memory = kPage.bytes_of(PageCount(std::llround(seen.data)));
  vm.transmit_rate = BytesPerSecond(rate);
  vm.dirty_rate = seen.dirty_rate(rate);
  const auto estimate = model::ramanathan_estimate(vm);
  if (!estimate) return std::nullopt;
  return seen.setup + estimate->total.count();
}

double by_jin(const Beginning& seen, double rate) {
  model::JinSetup setup;
  setup.memory = kPage.bytes_of(PageCount(std::llround(seen.data)));
  setup.bandwidth = BytesPerSecond(rate);
  setup.last_round_threshold = Bytes(std::llround(rate * kDowntimeLimit));
  const BytesPerSecond dirty = seen.dirty_rate(rate);
  return seen.setup + model::jin_migration(setup, {&dirty, 1}).total.count();
}

/// The curve, times what it missed in the pair's other migrations.
std::optional<Expected> by_curve_and_pair(const Beginning& seen, const Pair& pair,
                                          const Peers& peers) {
  std::vector<double> missed;
  for (const PrecopyRun* peer : peers) {
    missed.push_back(total_of(*peer) / by_curve(Beginning(*peer), pair));
  }
  auto expected = expected_next(missed);
  if (!expected) return std::nullopt;
  const double curve = by_curve(seen, pair);
  auto& [p50, p05, p95] = expected->value;
  p50 *= curve;
  p05 *= curve;
  p95 *= curve;
  return expected;
}

void evaluate(const PrecopyRun& run, const Peers& peers,
              std::vector<EvaluatedPrediction>& predictions) {
  const auto note = [&](const char* model, const std::optional<Expected>& predicted) {
    if (!predicted) return;
    predictions.push_back({model, run.technique, Metric::kTotalTime, *predicted, total_of(run)});
  };
  const Beginning seen(run);
  const Pair pair(peers);
  note("remaining/rate", without_interval(by_remaining(seen, pair.rate)));
  note("ramanathan", without_interval(by_ramanathan(seen, pair.rate)));
  note("jin", without_interval(by_jin(seen, pair.rate)));
  note("history", without_interval(median_of(peers, total_of)));
  note("curve", without_interval(by_curve(seen, pair)));
  note("curve+pair", by_curve_and_pair(seen, pair, peers));
}

/// The other runs of its campaign; where there is none, those of other campaigns with its
/// technique.
Peers peers_of(const PrecopyRun& run, const Peers& all) {
  Peers same;
  Peers like;
  for (const PrecopyRun* other : all) {
    if (other == &run || other->technique != run.technique) continue;
    (other->campaign == run.campaign ? same : like).push_back(other);
  }
  return same.empty() ? like : same;
}

}  // namespace

Evaluation evaluate_precopy_rounds(std::span<const PrecopyRun> runs) {
  Evaluation evaluation;
  evaluation.split =
      "each from its own first two rounds and from the other migrations of its campaign";
  Peers longer;
  std::set<std::string> loads;
  for (const PrecopyRun& run : runs) {
    if (run.rounds.size() > 2) longer.push_back(&run);
  }
  for (const PrecopyRun* run : longer) {
    const Peers peers = peers_of(*run, longer);
    if (peers.empty()) continue;
    evaluate(*run, peers, evaluation.predictions);
    loads.insert(run->workload);
    ++evaluation.migrations;
  }
  evaluation.loads = loads.size();
  return evaluation;
}

}  // namespace godwit::evaluate
