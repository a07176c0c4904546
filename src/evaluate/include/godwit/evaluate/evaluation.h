#pragma once

#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "godwit/base/error.h"
#include "godwit/dataset/campaign.h"
#include "godwit/dataset/dirty_rates.h"
#include "godwit/dataset/mvm_executions.h"
#include "godwit/dataset/openstack_profiles.h"
#include "godwit/dataset/precopy_rounds.h"
#include "godwit/dataset/qmp_traces.h"
#include "godwit/evaluate/scores.h"
#include "godwit/train/trainer.h"

/// Every model over a set of measured migrations. Pure.
///
/// Models, by the names they have in tables:
/// - `remaining/rate`: QEMU's own idea, what is left at the rate that it has
/// - `ramanathan`: Ramanathan et al., eq. (4): M / (TX - DR)
/// - `jin`: Jin et al., eqs (1)-(3), with one dirty rate for all rounds
/// - `history`: the median of what the same pair of hosts did with that guest before
/// - `curve`: of the campaign, the predictor proposed for QEMU in 2023 (model/curve_rounds.h)
/// - `climatology`: of verdicts, the share of the other loads' migrations that converged
/// - `repeats`: no model, but how far a migration is from the median of others that differ from it
///   by chance alone, where there are some
/// - `progress`, `twin`, and `curve` of precopy_rounds: ours, see below.
/// What a model needs to know of the pair of hosts (its rate, what it adds to what bytes explain)
/// is learnt from the other migrations of that pair, never from the one that is predicted.

namespace godwit::evaluate {

struct Evaluation {
  std::string split;  ///< what each prediction may have learnt from, in one sentence
  std::size_t migrations = 0;
  std::size_t loads = 0;
  /// Of each run, migrations that are left out, as their profiles do not say enough
  /// (twin::guesses).
  std::map<std::string, std::size_t> left_out{};
  std::vector<EvaluatedPrediction> predictions;
  std::vector<EvaluatedVerdict> verdicts;
};

/// Total time from the first two rounds, of pre-copies that took more. `curve`: the pages that a
/// guest writes within t grow as t^a, through the second round; the exponent a is the pair's.
[[nodiscard]] Evaluation evaluate_precopy_rounds(std::span<const dataset::PrecopyRun> runs);

/// Remaining time when a share of the trace is over (each of `shares`), and the verdict "done
/// within 60 s" at a quarter. `progress`: what the pair's other migrations of that kind
/// still needed when they were in the same round with as much left.
[[nodiscard]] Evaluation evaluate_qmp_traces(std::span<const dataset::Trace> traces,
                                             std::span<const double> shares);

/// The dirty rate's mean over the next `ahead` syncs, forecast at each sync of a trace that has as
/// many before it and after it as are needed, by each method of godwit/forecast.
[[nodiscard]] Evaluation evaluate_forecasts(std::span<const dataset::Trace> traces,
                                            std::size_t ahead);

/// Dirty rates that were sampled at equal intervals: their mean over each horizon to come, forecast
/// from as long before (Ramanathan et al., section 4.1) at each sample, by the same methods. The
/// technique of each is the load and the horizon.
[[nodiscard]] Evaluation evaluate_dirty_rates(std::span<const dataset::DirtyRates> all,
                                              std::span<const Seconds> horizons);

/// Time, bytes and downtimes of completed live migrations of memory, from the profile taken before;
/// and, of those that did not converge, too, whether they do within their `max_time`. `twin`: with
/// its stated constants; `twin+pair`: with those that learn/host_pair.h takes from the migrations
/// of all other loads.
/// Live migrations of memory of whose profile the twin need not guess (twin::guesses); `repeats` of
/// others, too, as those need no profile.
[[nodiscard]] Evaluation evaluate_campaign(std::span<const dataset::CampaignRow> rows);

/// The same rows by what learns: `svr-dr`, `svr-dr+size`, `svr-dr+size+wss`, `svr-rfecv` (Jo et
/// al.: support vector regression per technique and metric, of their feature sets), `boost`
/// (boosted trees of all of the profile), both of the plain value, and `twin+residual`
/// (learnt_model.h). Each is evaluated on loads that it did not learn from. Takes minutes;
/// `progress` is told the share done, and ends it with false: kInterrupted.
Result<Evaluation> evaluate_learnt(const train::Trainer& trainer,
                                   std::span<const dataset::CampaignRow> rows,
                                   const std::function<bool(double)>& progress);

/// `openstack_profiles`: total time and downtime of the last fifth of the rows, learnt from those
/// before: `median`, `svr`, `boost`.
Result<Evaluation> evaluate_openstack(const train::Trainer& trainer,
                                      const dataset::MonitoredRuns& runs);

/// What guests write within less than a curve's first window (model/short_windows.h), of the
/// profiles of a campaign: each curve's first windows are hidden, and told by those after them. The
/// technique of each is the curve's source and how many are hidden, the metric the mean rate
/// within the last of these.
[[nodiscard]] Evaluation evaluate_short_windows(std::span<const dataset::CampaignRow> rows);

/// Durations of migrations that were carried out by a plan, and of the whole plan (makespan), from
/// the plan alone. `mvm`: as it was planned; `class-median`: of migrations of one size and rate;
/// `godwit`: schedule::Replay. Learnt from `past`, or, where that is empty, from other instances of
/// `judged`.
[[nodiscard]] Evaluation evaluate_mvm(std::span<const dataset::MvmMove> judged,
                                      std::span<const dataset::MvmMove> past);

/// Errors of `twin+residual` by how many migrations it learnt from (none, 50, 100 and so on), on
/// loads that it did not learn from; the technique of each is the number, or "all others". About a
/// minute; `progress` as above.
Result<Evaluation> learning_curve(const train::Trainer& trainer,
                                  std::span<const dataset::CampaignRow> rows,
                                  const std::function<bool(double)>& progress);

/// Of an evaluation of the campaign, what it says of one run of measurements; whatever was
/// learnt was learnt of all. kNotFound: no such run.
Result<Evaluation> of_run(const Evaluation& all, const std::string& run);

}  // namespace godwit::evaluate
