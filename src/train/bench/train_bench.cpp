// What learning costs: 10,000 rows, made by the twin for guests that are drawn at random, with
// chance added; and what one prediction costs.

#include <benchmark/benchmark.h>

#include <cmath>
#include <string>
#include <vector>

#include "godwit/base/rng.h"
#include "godwit/learn/features.h"
#include "godwit/learn/reference_twin.h"
#include "godwit/train/model.h"
#include "godwit/twin/predictor.h"

namespace godwit::train {
namespace {

using learn::TrainingExample;

const Trainer& trainer() {
  static const auto kLoaded = Trainer::load();
  return kLoaded.value();
}

constexpr Link kLink{BytesPerSecond(100e6), {}};

GuestProfile guest(Rng& rng) {
  GuestProfile profile;
  profile.ram = 1_GiB * (1 + rng.below(16));
  profile.zero_share = Ratio(0.1 + 0.8 * rng.uniform());
  const double set = profile.ram.as_double() * 0.2 * rng.uniform();
  const double rate = 60e6 * rng.uniform();
  for (const double t : {0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0}) {
    const Bytes unique(std::llround(set * -std::expm1(-rate * t / set)));
    profile.dirty_curve.push_back({Seconds(t), unique, unique * Ratio(0.9), unique * Ratio(1.1)});
  }
  profile.vcpu_use = rng.uniform();
  return profile;
}

std::vector<TrainingExample> examples(std::size_t count) {
  Rng rng(1);
  std::vector<TrainingExample> all;
  while (all.size() < count) {
    TrainingExample example;
    example.profile = guest(rng);
    example.link = kLink;
    const auto twin =
        learn::reference_twin(example.profile, kLink, {})->predict(Technique::kPrecopy);
    if (!twin || !twin->converges) continue;
    example.predicted = *twin;
    example.load = std::to_string(all.size() % 20);
    example.total_time = twin->total_time->p50 * (0.9 + 0.2 * rng.uniform());
    example.transferred = twin->transferred->p50;
    example.downtime.qemu = twin->downtime.qemu->p50;
    example.downtime.events = twin->downtime.events->p50;
    example.downtime.probe = twin->downtime.probe->p50 * (0.8 + 0.4 * rng.uniform());
    all.push_back(std::move(example));
  }
  return all;
}

LabelledRows labelled_rows(std::size_t count) {
  LabelledRows labelled;
  for (const std::string_view name : learn::feature_names()) labelled.features.emplace_back(name);
  for (const TrainingExample& example : examples(count)) {
    labelled.rows.push_back(learn::features_of(example.profile, example.link, example.predicted));
    labelled.labels.push_back(example.total_time->count());
    labelled.groups.push_back(example.load);
  }
  return labelled;
}

void boosting_of_10000_rows(benchmark::State& state) {
  const LabelledRows rows = labelled_rows(10'000);
  for (auto _ : state) benchmark::DoNotOptimize(trainer().boosting(rows));
}
BENCHMARK(boosting_of_10000_rows)->Unit(benchmark::kSecond)->Iterations(1);

void svr_of_10000_rows(benchmark::State& state) {
  const LabelledRows rows = labelled_rows(10'000);
  for (auto _ : state) benchmark::DoNotOptimize(trainer().svr(rows));
}
BENCHMARK(svr_of_10000_rows)->Unit(benchmark::kSecond)->Iterations(1);

/// One VM, one technique, all metrics: what the twin said is corrected.
void one_correction(benchmark::State& state) {
  const auto all = examples(10'000);
  const auto model = train_model(trainer(), all, "the benchmark");
  std::size_t i = 0;
  for (auto _ : state) {
    const TrainingExample& example = all[++i % all.size()];
    benchmark::DoNotOptimize(
        model->correct(example.profile, example.link, example.predicted, example.predicted));
  }
}
BENCHMARK(one_correction)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace godwit::train
