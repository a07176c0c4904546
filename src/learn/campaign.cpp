#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "godwit/learn/evaluation.h"
#include "godwit/learn/host_pair.h"
#include "godwit/model/curve_rounds.h"
#include "godwit/model/dirty_curve.h"
#include "godwit/model/jin.h"
#include "godwit/model/ramanathan.h"
#include "godwit/twin/predictor.h"
#include "godwit/twin/qemu.h"

namespace godwit::learn {
namespace {

using dataset::CampaignRow;

/// The scalar dirty rate that the papers' closed forms want: within one second.
constexpr Seconds kRateWindow{1};
constexpr double kMilliseconds = 1e3;
/// The model that has a verdict on every migration.
constexpr const char* kAlwaysAsked = "remaining/rate";

Bytes content_of(const GuestProfile& profile) {
  return profile.ram * Ratio(1 - profile.zero_share.value());
}

/// Judges what one model says of one row.
class Judge {
 public:
  Judge(const CampaignRow& row, std::string model, Evaluation& evaluation)
      : row_(row), model_(std::move(model)), evaluation_(evaluation) {}

  void verdict(bool converges) {
    evaluation_.verdicts.push_back({model_, converges, row_.completed(), row_.run, row_.load});
  }
  void seconds(const std::optional<Interval<Seconds>>& predicted) {
    time(Metric::kTotalTime, predicted, row_.total_time, 1);
  }
  void downtime(Metric kind, const std::optional<Interval<Seconds>>& predicted,
                const std::optional<Seconds>& actual) {
    time(kind, predicted, actual, kMilliseconds);
  }
  void bytes(const std::optional<Interval<Bytes>>& predicted) {
    if (!predicted || !row_.transferred) return;
    const auto& [p50, p05, p95] = *predicted;
    note(Metric::kTransferred, {{p50.as_double(), p05.as_double(), p95.as_double()}, true},
         row_.transferred->as_double());
  }
  void slowdown(const std::optional<Interval<Ratio>>& predicted) {
    if (!predicted || !row_.work_lost) return;
    const auto& [p50, p05, p95] = *predicted;
    note(Metric::kSlowdown, {{p50.value(), p05.value(), p95.value()}, true},
         std::max(0.0, row_.work_lost->value()));
  }
  void host_cpu(const std::optional<Interval<Seconds>>& predicted) {
    time(Metric::kHostCpu, predicted, row_.host_cpu, 1);
  }
  /// Of models that give no interval.
  void point(std::optional<Seconds> total) {
    if (total && row_.total_time) {
      note(Metric::kTotalTime, *without_interval(total->count()), row_.total_time->count());
    }
  }
  void point_bytes(Bytes predicted) {
    if (!row_.transferred) return;
    note(Metric::kTransferred, *without_interval(predicted.as_double()),
         row_.transferred->as_double());
  }
  void point_downtime(Seconds predicted) {
    if (!row_.downtime.qemu) return;
    note(Metric::kDowntimeQemu, *without_interval(predicted.count() * kMilliseconds),
         row_.downtime.qemu->count() * kMilliseconds);
  }

 private:
  void time(Metric metric, const std::optional<Interval<Seconds>>& predicted,
            const std::optional<Seconds>& actual, double unit) {
    if (!predicted || !actual) return;
    const auto& [p50, p05, p95] = *predicted;
    note(metric, {{p50.count() * unit, p05.count() * unit, p95.count() * unit}, true},
         actual->count() * unit);
  }
  void note(Metric metric, const Expected& predicted, double actual) {
    evaluation_.judged.push_back({model_, std::string(to_string(row_.technique)), metric, predicted,
                                  actual, row_.load, row_.run});
  }

  const CampaignRow& row_;
  std::string model_;
  Evaluation& evaluation_;
};

void judge_twin(const CampaignRow& row, const std::string& model,
                const twin::HostPairConstants& pair, Evaluation& evaluation) {
  twin::Options options;
  options.pair = pair;
  options.draws = twin::kManyDraws;
  if (row.max_time) options.max_time = *row.max_time;
  const auto predictor = twin::Predictor::make(*row.profile, row.link, options);
  if (!predictor) return;
  const auto said = predictor->predict(row.technique, row.parameters);
  if (!said) return;
  Judge judge(row, model, evaluation);
  judge.verdict(said->converges);
  if (!row.completed()) return;
  judge.seconds(said->total_time);
  judge.bytes(said->transferred);
  // of post-copy QEMU's own figure is not to be relied on (docs/data.md): its events are
  if (!uses_postcopy(row.technique)) {
    judge.downtime(Metric::kDowntimeQemu, said->downtime.qemu, row.downtime.qemu);
  }
  judge.downtime(Metric::kDowntimeEvents, said->downtime.events, row.downtime.events);
  judge.downtime(Metric::kDowntimeProbe, said->downtime.probe, row.downtime.probe);
  judge.slowdown(said->slowdown);
  judge.host_cpu(said->host_cpu);
}

/// A pass over what is there, at the link's rate: what QEMU's `remaining` and `mbps` say at the
/// start.
void judge_remaining(const CampaignRow& row, Evaluation& evaluation) {
  const Bytes content = content_of(*row.profile);
  const Seconds total = content / row.link.rate;
  Judge judge(row, kAlwaysAsked, evaluation);
  judge.verdict(!row.max_time || total <= *row.max_time);
  if (!row.completed()) return;
  judge.point(total);
  judge.point_bytes(content);
}

/// What the papers' closed forms have in common.
struct Simple {
  Bytes content;
  BytesPerSecond dirty_rate;
  Seconds limit;
  Seconds max_time;
};

void judge_ramanathan(const CampaignRow& row, const Simple& simple, Evaluation& evaluation) {
  model::RamanathanVm vm;
  vm.memory = simple.content;
  vm.transmit_rate = row.link.rate;
  vm.dirty_rate = simple.dirty_rate;
  const auto estimate = model::ramanathan_estimate(vm);
  Judge judge(row, "ramanathan", evaluation);
  judge.verdict(estimate && estimate->total <= simple.max_time);
  if (!row.completed() || !estimate) return;
  judge.point(estimate->total);
  judge.point_bytes(row.link.rate * estimate->send);
}

void judge_jin(const CampaignRow& row, const Simple& simple, Evaluation& evaluation) {
  model::JinSetup setup;
  setup.memory = simple.content;
  setup.bandwidth = row.link.rate;
  setup.last_round_threshold = row.link.rate * simple.limit;
  const model::JinMigration migration = model::jin_migration(setup, {&simple.dirty_rate, 1});
  Judge judge(row, "jin", evaluation);
  judge.verdict(simple.dirty_rate <= model::jin_barrier(setup) &&
                migration.total <= simple.max_time);
  if (!row.completed()) return;
  judge.point(migration.total);
  judge.point_bytes(simple.content * migration.redundancy);
  judge.point_downtime(migration.downtime);
}

void judge_curve_rounds(const CampaignRow& row, const model::DirtyCurve& curve,
                        const Simple& simple, Evaluation& evaluation) {
  const model::CurveRounds said = model::curve_rounds(curve.likely(), simple.content, row.link.rate,
                                                      simple.limit, simple.max_time);
  Judge judge(row, "curve", evaluation);
  judge.verdict(said.converges);
  if (!row.completed()) return;
  judge.point(said.total);
  judge.point_bytes(said.sent);
  judge.point_downtime(said.downtime);
}

/// The papers know pre-copy, and multifd is pre-copy over more connections.
void judge_baselines(const CampaignRow& row, Evaluation& evaluation) {
  judge_remaining(row, evaluation);
  const auto curve = model::DirtyCurve::from_profile(*row.profile);
  const bool precopy = row.technique == Technique::kPrecopy || row.technique == Technique::kMultifd;
  if (!precopy || !curve) return;
  Simple simple;
  simple.content = content_of(*row.profile);
  simple.dirty_rate = curve->within(kRateWindow).p50 / kRateWindow;
  simple.limit = row.parameters.downtime_limit.value_or(twin::kDefaultDowntimeLimit);
  simple.max_time = row.max_time.value_or(twin::Options{}.max_time);
  judge_ramanathan(row, simple, evaluation);
  judge_jin(row, simple, evaluation);
  judge_curve_rounds(row, *curve, simple, evaluation);
}

/// Live migrations of memory that ended by themselves or at their time limit.
bool can_be_judged(const CampaignRow& row) {
  const bool ended = row.completed() || row.status == "did_not_converge";
  return ended && !row.storage && !is_cold(row.technique) && row.profile;
}

/// What the pair of hosts is like, from the loads other than one.
twin::HostPairConstants pair_without(std::span<const CampaignRow> rows, const std::string& load) {
  std::vector<PairSample> samples;
  for (const CampaignRow& row : rows) {
    if (row.load == load || !row.completed() || !can_be_judged(row)) continue;
    if (!row.total_time || !row.transferred) continue;
    samples.push_back({&*row.profile, row.technique, row.parameters, row.link, *row.total_time,
                       row.downtime, *row.transferred});
  }
  return learn_pair(samples);
}

}  // namespace

Evaluation evaluate_campaign(std::span<const CampaignRow> rows) {
  Evaluation evaluation;
  evaluation.split =
      "each from the profile taken before it; twin: with its stated constants; twin+pair: with "
      "the hosts' constants from the rows of all other loads";
  std::map<std::string, twin::HostPairConstants> pairs;
  for (const CampaignRow& row : rows) {
    if (!can_be_judged(row)) continue;
    auto pair = pairs.find(row.load);
    if (pair == pairs.end()) pair = pairs.emplace(row.load, pair_without(rows, row.load)).first;
    judge_twin(row, "twin", {}, evaluation);
    judge_twin(row, "twin+pair", pair->second, evaluation);
    judge_baselines(row, evaluation);
    ++evaluation.migrations;
  }
  evaluation.loads = pairs.size();
  return evaluation;
}

Result<Evaluation> of_run(const Evaluation& all, const std::string& run) {
  Evaluation of;
  of.split = fmt::format("of run {} alone; {}", run, all.split);
  const auto is_of = [&](const auto& one) { return one.run == run; };
  std::copy_if(all.judged.begin(), all.judged.end(), std::back_inserter(of.judged), is_of);
  std::copy_if(all.verdicts.begin(), all.verdicts.end(), std::back_inserter(of.verdicts), is_of);
  if (of.verdicts.empty()) {
    return fail(ErrorCode::kNotFound, fmt::format("no migration of run {} was judged", run),
                "give one of the numbers in the data set's column \"run\"");
  }
  std::set<std::string> loads;
  for (const JudgedVerdict& one : of.verdicts) {
    if (one.model != kAlwaysAsked) continue;
    ++of.migrations;
    loads.insert(one.load);
  }
  of.loads = loads.size();
  return of;
}

}  // namespace godwit::learn
