#include "godwit/learn/training_example.h"

#include <set>
#include <utility>

#include "godwit/learn/reference_twin.h"
#include "godwit/twin/predictor.h"

namespace godwit::learn {
namespace {

/// Nothing where the twin expects that it does not complete, or has to guess: there it errs for
/// reasons that a profile of today does not have.
std::optional<TechniquePrediction> predicted(const GuestProfile& profile, const Link& link,
                                             Technique technique,
                                             const MigrationParameters& parameters) {
  if (!twin::predicts(technique) || twin::guesses(profile, technique)) return std::nullopt;
  const auto predictor = reference_twin(profile, link, {});
  if (!predictor) return std::nullopt;
  auto prediction = predictor->predict(technique, parameters);
  return prediction && prediction->converges ? std::optional(std::move(*prediction)) : std::nullopt;
}

}  // namespace

std::vector<TrainingExample> training_examples_of(std::span<const dataset::CampaignRow> rows) {
  std::vector<TrainingExample> examples;
  for (const dataset::CampaignRow& row : rows) {
    if (!row.completed() || row.technique.storage || !row.profile) continue;
    auto prediction = predicted(*row.profile, row.link, row.technique, row.parameters);
    if (!prediction) continue;
    examples.push_back({*row.profile, row.link, std::move(*prediction), row.load, row.total_time,
                        row.transferred, row.downtime, row.work_lost, row.host_cpu, row.run});
  }
  return examples;
}

std::vector<TrainingExample> training_examples_of(std::span<const OutcomeRecord> records) {
  std::vector<TrainingExample> examples;
  for (const OutcomeRecord& record : records) {
    const MigrationOutcome& outcome = record.outcome;
    const bool completed =
        outcome.status == OutcomeStatus::kCompleted && !outcome.storage && !was_steered(outcome);
    if (!completed || !record.profile || !record.link) continue;
    auto prediction =
        predicted(*record.profile, *record.link, outcome.technique, outcome.parameters);
    if (!prediction) continue;
    examples.push_back({*record.profile, *record.link, std::move(*prediction), record.source,
                        outcome.total_time, outcome.transferred.qemu, outcome.downtime,
                        outcome.guest.slowdown, std::nullopt});
  }
  return examples;
}

std::vector<Technique> techniques_of(std::span<const TrainingExample> examples) {
  std::set<Technique> occur;
  for (const TrainingExample& one : examples) occur.insert(one.predicted.technique);
  std::vector<Technique> all;
  for (const Technique preset : kLivePresets) {
    if (occur.erase(preset) > 0) all.push_back(preset);
  }
  all.insert(all.end(), occur.begin(), occur.end());
  return all;
}

std::optional<double> actual_of(const TrainingExample& example, Metric metric) {
  return value_of(Measured{example.predicted.technique, example.total_time, example.transferred,
                           example.downtime, example.slowdown, example.host_cpu},
                  metric);
}

}  // namespace godwit::learn
