#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "godwit/base/statistics.h"
#include "godwit/evaluate/evaluation.h"
#include "godwit/learn/host_pair.h"
#include "godwit/learn/learnt_model.h"
#include "godwit/model/curve_rounds.h"
#include "godwit/model/dirty_curve.h"
#include "godwit/model/jin.h"
#include "godwit/model/ramanathan.h"
#include "godwit/twin/predictor.h"
#include "godwit/twin/qemu.h"

namespace godwit::evaluate {
namespace {

using dataset::CampaignRow;

/// The scalar dirty rate that the papers' closed forms want: within one second.
constexpr Seconds kRateWindow{1};
/// The model that has a verdict on every migration.
constexpr const char* kAlwaysAsked = "remaining/rate";

Bytes content_of(const GuestProfile& profile) {
  return profile.ram * Ratio(1 - profile.zero_share.value());
}

/// As it came, in the metric's unit.
std::optional<double> measured(const CampaignRow& row, Metric metric) {
  const auto value = learn::value_of(learn::Measured{row.technique, row.total_time, row.transferred,
                                                     row.downtime, row.work_lost, row.host_cpu},
                                     metric);
  return value ? std::optional(*value * unit_of(metric)) : std::nullopt;
}

/// What one model says of one row, beside what came of it.
class ModelOnRow {
 public:
  ModelOnRow(const CampaignRow& row, std::string model, Evaluation& evaluation)
      : row_(row), model_(std::move(model)), evaluation_(evaluation) {}

  void verdict(bool converges) { verdict(converges ? 1.0 : 0.0); }
  void verdict(double probability) {
    evaluation_.verdicts.push_back({model_, probability, row_.completed(), row_.run, row_.load});
  }
  void interval(Metric metric, const std::optional<Interval<Seconds>>& said) {
    const double unit = unit_of(metric);
    interval(metric, said, [unit](Seconds time) { return time.count() * unit; });
  }
  void interval(Metric metric, const std::optional<Interval<Bytes>>& said) {
    interval(metric, said, [](Bytes bytes) { return bytes.as_double(); });
  }
  void interval(Metric metric, const std::optional<Interval<Ratio>>& said) {
    interval(metric, said, [](Ratio share) { return share.value(); });
  }
  /// Of models that give no interval; in the metric's unit.
  void point(Metric metric, double said) { note(metric, *without_interval(said)); }
  void downtime(Seconds said) {
    point(Metric::kDowntimeQemu, said.count() * unit_of(Metric::kDowntimeQemu));
  }

 private:
  template <class T, class ToNumber>
  void interval(Metric metric, const std::optional<Interval<T>>& said, const ToNumber& number) {
    if (said) note(metric, {{number(said->p50), number(said->p05), number(said->p95)}, true});
  }
  void note(Metric metric, const Expected& said) {
    const auto actual = measured(row_, metric);
    if (!actual) return;
    evaluation_.predictions.push_back(
        {model_, to_string(row_.technique), metric, said, *actual, row_.load, row_.run});
  }

  const CampaignRow& row_;
  std::string model_;
  Evaluation& evaluation_;
};

void evaluate_twin(const CampaignRow& row, const std::string& name,
                   const twin::HostPairConstants& pair, Evaluation& evaluation) {
  twin::Options options;
  options.pair = pair;
  options.draws = twin::kManyDraws;
  if (row.max_time) options.max_time = *row.max_time;
  const auto predictor = twin::Predictor::make(*row.profile, row.link, options);
  if (!predictor) return;
  const auto said = predictor->predict(row.technique, row.parameters);
  if (!said || !said->grounded) return;
  ModelOnRow model(row, name, evaluation);
  model.verdict(said->converges_probability.value_or(Ratio(said->converges ? 1 : 0)).value());
  if (!row.completed()) return;
  model.interval(Metric::kTotalTime, said->total_time);
  model.interval(Metric::kTransferred, said->transferred);
  model.interval(Metric::kDowntimeQemu, said->downtime.qemu);
  model.interval(Metric::kDowntimeEvents, said->downtime.events);
  model.interval(Metric::kDowntimeProbe, said->downtime.probe);
  model.interval(Metric::kSlowdown, said->slowdown);
  model.interval(Metric::kHostCpu, said->host_cpu);
}

/// A pass over what is there, at the link's rate: what QEMU's `remaining` and `mbps` say at the
/// start.
void evaluate_remaining(const CampaignRow& row, Evaluation& evaluation) {
  const Bytes content = content_of(*row.profile);
  const Seconds total = content / row.link.rate;
  ModelOnRow model(row, kAlwaysAsked, evaluation);
  model.verdict(!row.max_time || total <= *row.max_time);
  if (!row.completed()) return;
  model.point(Metric::kTotalTime, total.count());
  model.point(Metric::kTransferred, content.as_double());
}

/// What the papers' closed forms have in common.
struct Simple {
  Bytes content;
  BytesPerSecond dirty_rate;
  Seconds limit;
  Seconds max_time;
};

void evaluate_ramanathan(const CampaignRow& row, const Simple& simple, Evaluation& evaluation) {
  model::RamanathanVm vm;
  vm.memory = simple.content;
  vm.transmit_rate = row.link.rate;
  vm.dirty_rate = simple.dirty_rate;
  const auto estimate = model::ramanathan_estimate(vm);
  ModelOnRow model(row, "ramanathan", evaluation);
  model.verdict(estimate && estimate->total <= simple.max_time);
  if (!row.completed() || !estimate) return;
  model.point(Metric::kTotalTime, estimate->total.count());
  model.point(Metric::kTransferred, (row.link.rate * estimate->send).as_double());
}

void evaluate_jin(const CampaignRow& row, const Simple& simple, Evaluation& evaluation) {
  model::JinSetup setup;
  setup.memory = simple.content;
  setup.bandwidth = row.link.rate;
  setup.last_round_threshold = row.link.rate * simple.limit;
  const model::JinMigration migration = model::jin_migration(setup, {&simple.dirty_rate, 1});
  ModelOnRow model(row, "jin", evaluation);
  model.verdict(simple.dirty_rate <= model::jin_barrier(setup) &&
                migration.total <= simple.max_time);
  if (!row.completed()) return;
  model.point(Metric::kTotalTime, migration.total.count());
  model.point(Metric::kTransferred, (simple.content * migration.redundancy).as_double());
  model.downtime(migration.downtime);
}

void evaluate_curve_rounds(const CampaignRow& row, const model::DirtyCurve& curve,
                           const Simple& simple, Evaluation& evaluation) {
  const model::CurveRounds said = model::curve_rounds(curve.likely(), simple.content, row.link.rate,
                                                      simple.limit, simple.max_time);
  ModelOnRow model(row, "curve", evaluation);
  model.verdict(said.converges);
  if (!row.completed()) return;
  model.point(Metric::kTotalTime, said.total.count());
  model.point(Metric::kTransferred, said.sent.as_double());
  model.downtime(said.downtime);
}

/// The papers know pre-copy, and multifd is pre-copy over more connections.
void evaluate_baselines(const CampaignRow& row, Evaluation& evaluation) {
  evaluate_remaining(row, evaluation);
  const auto curve = model::DirtyCurve::from_profile(*row.profile);
  const bool precopy = row.technique.codec == Codec::kNone &&
                       row.technique.throttle == Throttle::kNone &&
                       row.technique.ending == Ending::kConverged;
  if (!precopy || !curve) return;
  Simple simple;
  simple.content = content_of(*row.profile);
  simple.dirty_rate = curve->within(kRateWindow).p50 / kRateWindow;
  simple.limit = row.parameters.downtime_limit.value_or(twin::kDefaultDowntimeLimit);
  simple.max_time = row.max_time.value_or(twin::Options{}.max_time);
  evaluate_ramanathan(row, simple, evaluation);
  evaluate_jin(row, simple, evaluation);
  evaluate_curve_rounds(row, *curve, simple, evaluation);
}

/// Live migrations of memory that ended by themselves or at their time limit.
bool is_live(const CampaignRow& row) {
  const bool ended = row.completed() || row.status == "did_not_converge";
  return ended && !row.technique.storage && !is_cold(row.technique) && row.profile;
}

/// Of a profile that says as much as today's.
bool can_be_evaluated(const CampaignRow& row) {
  return is_live(row) && !twin::guesses(*row.profile, row.technique);
}

/// What two migrations have in common that differ by chance alone.
auto cell_of(const CampaignRow& row) {
  const MigrationParameters& p = row.parameters;
  return std::tuple(row.run, row.spec, row.technique, row.link.rate.value(), row.ram.count(),
                    p.downtime_limit.value_or(Seconds(0)).count(),
                    p.precopy_share.value_or(Ratio(-1)).value(),
                    p.postcopy_preempt.value_or(false));
}

/// Of all but one, as they came; nothing where nobody measured it.
std::optional<double> median_of_others(const std::vector<const CampaignRow*>& all,
                                       const CampaignRow* one, Metric metric) {
  std::vector<double> others;
  for (const CampaignRow* other : all) {
    const auto value = measured(*other, metric);
    if (other != one && value) others.push_back(*value);
  }
  return others.empty() ? std::nullopt : std::optional(quantile(std::move(others), 0.5));
}

/// How much migrations of one and the same cell differ: each beside the median of the others.
void evaluate_repeats(std::span<const CampaignRow> rows, Evaluation& evaluation) {
  constexpr std::size_t kFewestRepeats = 3;
  std::map<decltype(cell_of(rows.front())), std::vector<const CampaignRow*>> cells;
  for (const CampaignRow& row : rows) {
    if (is_live(row) && row.completed()) cells[cell_of(row)].push_back(&row);
  }
  for (const auto& [cell, all] : cells) {
    if (all.size() < kFewestRepeats) continue;
    for (const CampaignRow* one : all) {
      for (const Metric metric : learn::learnt_metrics()) {
        const auto median = median_of_others(all, one, metric);
        if (median) ModelOnRow(*one, std::string(kRepeats), evaluation).point(metric, *median);
      }
    }
  }
}

/// The share of all other loads' migrations that converged, of each: what knows nothing of a guest.
void evaluate_climatology(std::span<const CampaignRow> rows, Evaluation& evaluation) {
  struct Seen {
    double converged = 0;
    double all = 0;
  };
  std::map<std::string, Seen> loads;
  Seen every;
  for (const CampaignRow& row : rows) {
    if (!can_be_evaluated(row)) continue;
    for (Seen* seen : {&loads[row.load], &every}) {
      ++seen->all;
      seen->converged += row.completed() ? 1 : 0;
    }
  }
  for (const CampaignRow& row : rows) {
    if (!can_be_evaluated(row)) continue;
    const Seen& own = loads[row.load];
    if (own.all >= every.all) continue;
    ModelOnRow(row, std::string(kClimatology), evaluation)
        .verdict((every.converged - own.converged) / (every.all - own.all));
  }
}

/// What the pair of hosts is like, from the loads other than one.
twin::HostPairConstants pair_without(std::span<const CampaignRow> rows, const std::string& load) {
  std::vector<learn::PairSample> samples;
  for (const CampaignRow& row : rows) {
    if (row.load == load || !row.completed() || !can_be_evaluated(row)) continue;
    if (!row.total_time || !row.transferred) continue;
    samples.push_back({&*row.profile, row.technique, row.parameters, row.link, *row.total_time,
                       row.downtime, *row.transferred});
  }
  return learn::learn_pair(samples);
}

}  // namespace

Evaluation evaluate_campaign(std::span<const CampaignRow> rows) {
  Evaluation evaluation;
  evaluation.split =
      "each from the profile taken before it; twin: with its stated constants; twin+pair: with "
      "the hosts' constants from the rows of all other loads";
  std::map<std::string, twin::HostPairConstants> pairs;
  for (const CampaignRow& row : rows) {
    if (!can_be_evaluated(row)) {
      if (is_live(row)) ++evaluation.left_out[row.run];
      continue;
    }
    auto pair = pairs.find(row.load);
    if (pair == pairs.end()) pair = pairs.emplace(row.load, pair_without(rows, row.load)).first;
    evaluate_twin(row, "twin", {}, evaluation);
    evaluate_twin(row, "twin+pair", pair->second, evaluation);
    evaluate_baselines(row, evaluation);
    ++evaluation.migrations;
  }
  evaluate_climatology(rows, evaluation);
  evaluate_repeats(rows, evaluation);
  evaluation.loads = pairs.size();
  return evaluation;
}

Result<Evaluation> of_run(const Evaluation& all, const std::string& run) {
  Evaluation of;
  of.split = fmt::format("of run {} alone; {}", run, all.split);
  if (const auto left = all.left_out.find(run); left != all.left_out.end())
    of.left_out.insert(*left);
  const auto is_of = [&](const auto& one) { return one.run == run; };
  std::copy_if(all.predictions.begin(), all.predictions.end(), std::back_inserter(of.predictions),
               is_of);
  std::copy_if(all.verdicts.begin(), all.verdicts.end(), std::back_inserter(of.verdicts), is_of);
  if (of.verdicts.empty()) {
    return fail(ErrorCode::kNotFound, fmt::format("no migration of run {} was judged", run),
                "give one of the numbers in the data set's column \"run\"");
  }
  std::set<std::string> loads;
  for (const EvaluatedVerdict& one : of.verdicts) {
    if (one.model != kAlwaysAsked) continue;
    ++of.migrations;
    loads.insert(one.load);
  }
  of.loads = loads.size();
  return of;
}

}  // namespace godwit::evaluate
