#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "godwit/dataset/campaign.h"
#include "godwit/domain/guest_profile.h"
#include "godwit/domain/link.h"
#include "godwit/domain/outcome.h"
#include "godwit/domain/prediction.h"
#include "godwit/learn/metric.h"

/// What models are trained on and evaluated with. Pure.

namespace godwit::learn {

/// A completed live migration with what was known before it.
struct TrainingExample {
  GuestProfile profile;
  Link link;
  /// What the reference twin predicts of its technique and parameters, by the stated constants of a
  /// pair of hosts; it converges.
  TechniquePrediction predicted;
  std::string load;  ///< the group that is never divided between training and test
  std::optional<Seconds> total_time;
  std::optional<Bytes> transferred;
  Downtime downtime;
  std::optional<Ratio> slowdown;
  std::optional<Seconds> host_cpu;
  std::string run{};  ///< of which run of measurements; empty for kept outcomes
};

/// Of the rows that the twin expects to complete without a guess (twin::guesses), and that did.
[[nodiscard]] std::vector<TrainingExample> training_examples_of(
    std::span<const dataset::CampaignRow> rows);
/// The same of kept outcomes. Their load is not known; the guest stands for it.
[[nodiscard]] std::vector<TrainingExample> training_examples_of(
    std::span<const OutcomeRecord> records);

/// Those that occur: presets in their order, then combinations.
[[nodiscard]] std::vector<Technique> techniques_of(std::span<const TrainingExample> examples);

/// The value as it came, in units of value_of.
[[nodiscard]] std::optional<double> actual_of(const TrainingExample& example, Metric metric);

}  // namespace godwit::learn
