#pragma once

#include <span>
#include <string>
#include <vector>

#include "godwit/dataset/campaign.h"
#include "godwit/dataset/precopy_rounds.h"
#include "godwit/dataset/qmp_traces.h"
#include "godwit/learn/scores.h"

/// Every model over a set of measured migrations. Pure.
///
/// Models, by the names they have in tables:
/// - `remaining/rate`: QEMU's own idea, what is left at the rate that it has
/// - `ramanathan`: Ramanathan et al., eq. (4): M / (TX - DR)
/// - `jin`: Jin et al., eqs (1)-(3), with one dirty rate for all rounds
/// - `history`: the median of what the same pair of hosts did with that guest before
/// - `curve`, `progress`: ours, see below.
/// What a model needs to know of the pair of hosts (its rate, what it adds to what bytes explain)
/// is learnt from the other migrations of that pair, never from the one that is predicted.

namespace godwit::learn {

struct Evaluation {
  std::string split;  ///< what each prediction may have learnt from, in one sentence
  std::size_t migrations = 0;
  std::size_t loads = 0;
  std::vector<Judged> judged;
  std::vector<JudgedVerdict> verdicts;
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

/// Time, bytes and downtimes of completed live migrations of memory, from the profile taken before;
/// and, of those that did not converge, too, whether they do within their `max_time`. `curve`: the
/// predictor of model/curve.h with its stated constants, nothing of it learnt from these rows.
[[nodiscard]] Evaluation evaluate_campaign(std::span<const dataset::CampaignRow> rows);

}  // namespace godwit::learn
