#include <optional>
#include <set>

#include "godwit/learn/evaluation.h"
#include "godwit/model/curve.h"
#include "godwit/model/dirty_curve.h"
#include "godwit/model/jin.h"
#include "godwit/model/ramanathan.h"

namespace godwit::learn {
namespace {

using dataset::CampaignRow;

/// The scalar dirty rate that the papers' closed forms want: within one second.
constexpr Seconds kRateWindow{1};
constexpr double kMilliseconds = 1e3;

std::optional<BytesPerSecond> dirty_rate(const GuestProfile& profile) {
  const auto curve = model::DirtyCurve::from_profile(profile);
  if (!curve) return std::nullopt;
  return curve->within(kRateWindow).p50 / kRateWindow;
}
Bytes content_of(const GuestProfile& profile) {
  return profile.ram * Ratio(1 - profile.zero_share.value());
}

/// Judges what one model says of one row.
class Judge {
 public:
  Judge(const CampaignRow& row, std::string model, Evaluation& evaluation)
      : row_(row), model_(std::move(model)), evaluation_(evaluation) {}

  void verdict(bool converges) {
    evaluation_.verdicts.push_back({model_, converges, row_.completed()});
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
  /// Of models that give no interval.
  void point(std::optional<Seconds> total) {
    if (total && row_.total_time) {
      note(Metric::kTotalTime, *without_interval(total->count()), row_.total_time->count());
    }
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
    evaluation_.judged.push_back(
        {model_, std::string(to_string(row_.technique)), metric, predicted, actual});
  }

  const CampaignRow& row_;
  std::string model_;
  Evaluation& evaluation_;
};

void judge_curve(const CampaignRow& row, Evaluation& evaluation) {
  model::CurveOptions options;
  if (row.max_time) options.max_time = *row.max_time;
  const auto predictor = model::CurvePredictor::make(*row.profile, row.link, options);
  if (!predictor) return;
  const auto said = predictor->predict(row.technique, row.parameters);
  if (!said) return;
  Judge judge(row, "curve", evaluation);
  judge.verdict(said->converges);
  if (!row.completed()) return;
  judge.seconds(said->total_time);
  judge.bytes(said->transferred);
  judge.downtime(Metric::kDowntimeQemu, said->downtime.qemu, row.downtime.qemu);
  judge.downtime(Metric::kDowntimeEvents, said->downtime.events, row.downtime.events);
  judge.downtime(Metric::kDowntimeProbe, said->downtime.probe, row.downtime.probe);
}

/// The papers know pre-copy.
void judge_closed_forms(const CampaignRow& row, Evaluation& evaluation) {
  const auto rate = dirty_rate(*row.profile);
  if (row.technique != Technique::kPrecopy || !rate) return;
  model::RamanathanVm vm;
  vm.memory = content_of(*row.profile);
  vm.transmit_rate = row.link.rate;
  vm.dirty_rate = *rate;
  const auto estimate = model::ramanathan_estimate(vm);
  Judge ramanathan(row, "ramanathan", evaluation);
  ramanathan.verdict(estimate && (!row.max_time || estimate->total <= *row.max_time));

  model::JinSetup setup;
  setup.memory = vm.memory;
  setup.bandwidth = row.link.rate;
  setup.last_round_threshold =
      row.link.rate * row.parameters.downtime_limit.value_or(model::kDefaultDowntimeLimit);
  const model::JinMigration migration = model::jin_migration(setup, {&*rate, 1});
  Judge jin(row, "jin", evaluation);
  jin.verdict(*rate <= model::jin_barrier(setup));
  if (!row.completed()) return;
  if (estimate) ramanathan.point(estimate->total);
  jin.point(migration.total);
  jin.point_downtime(migration.downtime);
}

}  // namespace

Evaluation evaluate_campaign(std::span<const CampaignRow> rows) {
  Evaluation evaluation;
  evaluation.split = "each from the profile taken before it; nothing was fitted on these rows";
  std::set<std::string> loads;
  for (const CampaignRow& row : rows) {
    const bool ended = row.completed() || row.status == "did_not_converge";
    if (!ended || row.storage || is_cold(row.technique) || !row.profile) continue;
    judge_curve(row, evaluation);
    judge_closed_forms(row, evaluation);
    loads.insert(row.load);
    ++evaluation.migrations;
  }
  evaluation.loads = loads.size();
  return evaluation;
}

}  // namespace godwit::learn
