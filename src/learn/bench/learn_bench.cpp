// What learning costs: 10,000 rows, made by the twin for guests that are drawn at random, with
// chance added; and what one prediction costs.

#include <benchmark/benchmark.h>

#include <cmath>
#include <string>
#include <vector>

#include "godwit/base/rng.h"
#include "godwit/learn/estimator.h"
#include "godwit/learn/features.h"
#include "godwit/learn/learnt_model.h"
#include "godwit/twin/predictor.h"

namespace godwit::learn {
namespace {

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

std::vector<Lesson> lessons(std::size_t count) {
  Rng rng(1);
  std::vector<Lesson> all;
  while (all.size() < count) {
    Lesson lesson;
    lesson.profile = guest(rng);
    lesson.link = kLink;
    const auto twin = reference_twin(lesson.profile, kLink, {})->predict(Technique::kPrecopy);
    if (!twin || !twin->converges) continue;
    lesson.twin = *twin;
    lesson.load = std::to_string(all.size() % 20);
    lesson.total_time = twin->total_time->p50 * (0.9 + 0.2 * rng.uniform());
    lesson.transferred = twin->transferred->p50;
    lesson.downtime.qemu = twin->downtime.qemu->p50;
    lesson.downtime.events = twin->downtime.events->p50;
    lesson.downtime.probe = twin->downtime.probe->p50 * (0.8 + 0.4 * rng.uniform());
    all.push_back(std::move(lesson));
  }
  return all;
}

Samples samples(std::size_t count) {
  Samples samples;
  for (const std::string_view name : feature_names()) samples.features.emplace_back(name);
  for (const Lesson& lesson : lessons(count)) {
    samples.rows.push_back(features_of(lesson.profile, lesson.link, lesson.twin));
    samples.targets.push_back(lesson.total_time->count());
    samples.groups.push_back(lesson.load);
  }
  return samples;
}

void boosting_of_10000_rows(benchmark::State& state) {
  const Samples rows = samples(10'000);
  for (auto _ : state) benchmark::DoNotOptimize(train_boosting(rows));
}
BENCHMARK(boosting_of_10000_rows)->Unit(benchmark::kSecond)->Iterations(1);

void svr_of_10000_rows(benchmark::State& state) {
  const Samples rows = samples(10'000);
  for (auto _ : state) benchmark::DoNotOptimize(train_svr(rows, {}));
}
BENCHMARK(svr_of_10000_rows)->Unit(benchmark::kSecond)->Iterations(1);

/// One VM, one technique, all metrics: what the twin said is corrected.
void one_correction(benchmark::State& state) {
  const auto all = lessons(10'000);
  const auto model = LearntModel::train(all, "the benchmark");
  std::size_t i = 0;
  for (auto _ : state) {
    const Lesson& lesson = all[++i % all.size()];
    benchmark::DoNotOptimize(model->correct(lesson.profile, lesson.link, lesson.twin, lesson.twin));
  }
}
BENCHMARK(one_correction)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace godwit::learn
