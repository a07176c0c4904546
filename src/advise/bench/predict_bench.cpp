// What an answer costs: one VM, all techniques with their default parameters, all metrics; and a
// fleet.

#include <benchmark/benchmark.h>

#include <cmath>
#include <cstdint>

#include "godwit/advise/advise.h"
#include "godwit/twin/predictor.h"

namespace godwit {
namespace {

/// A guest of 4 GiB, or `times` as much, that rewrites one to seven tenths of it at random, by its
/// `variant`.
GuestProfile profile(int variant, std::int64_t times = 1) {
  GuestProfile profile;
  profile.ram = 4_GiB * times;
  profile.zero_share = Ratio(0.4);
  const double scale = static_cast<double>(times);
  const double set = 4e8 * scale * (1 + variant % 7);
  for (const double t : {0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0}) {
    const Bytes unique(std::llround(set * -std::expm1(-3e7 * scale * t / set)));
    profile.dirty_curve.push_back({Seconds(t), unique, unique * Ratio(0.95), unique * Ratio(1.05)});
  }
  profile.vcpus = 2;
  profile.vcpu_use = 1.2;
  profile.contents =
      PageContents{PageCount(512), Ratio(0.5), Ratio(0.5), Seconds(60e-6), Seconds(15e-6), 5};
  profile.changed_contents = profile.contents;
  profile.change = PageChange{PageCount(512), Ratio(0.2), Bytes(900), Ratio(0.1)};
  return profile;
}
const Link kLink{125_MB_per_s, {}};

/// The argument: its GiB, moved by a link that is as much faster.
void one_vm_all_techniques(benchmark::State& state) {
  const std::int64_t times = state.range(0) / 4;
  const GuestProfile guest = profile(0, times);
  const Link link{kLink.rate * Ratio(static_cast<double>(times)), {}};
  for (auto _ : state) {
    const auto predictor = twin::Predictor::make(guest, link);
    for (const Technique technique : kLivePresets) {
      if (twin::predicts(technique)) benchmark::DoNotOptimize(predictor->predict(technique));
    }
  }
}
BENCHMARK(one_vm_all_techniques)->Arg(4)->Arg(64)->Arg(1024)->Unit(benchmark::kMicrosecond);

/// With intervals by Monte Carlo, as somebody who waits for the answer gets them.
void one_vm_all_techniques_drawn(benchmark::State& state) {
  const GuestProfile guest = profile(0);
  twin::Options options;
  options.draws = twin::kManyDraws;
  for (auto _ : state) {
    const auto predictor = twin::Predictor::make(guest, kLink, options);
    for (const Technique technique : kLivePresets) {
      benchmark::DoNotOptimize(predictor->predict(technique));
    }
  }
}
BENCHMARK(one_vm_all_techniques_drawn)->Unit(benchmark::kMicrosecond);

void a_fleet(benchmark::State& state) {
  for (auto _ : state) {
    for (int vm = 0; vm < state.range(0); ++vm) {
      const auto predictor = twin::Predictor::make(profile(vm), kLink);
      for (const Technique technique : kLivePresets) {
        if (twin::predicts(technique)) benchmark::DoNotOptimize(predictor->predict(technique));
      }
    }
  }
}
BENCHMARK(a_fleet)->Arg(10'000)->Unit(benchmark::kSecond)->Iterations(1);

void an_answer_to_an_intent(benchmark::State& state) {
  advise::Question question;
  question.profile = profile(0);
  question.link = kLink;
  question.intent.max_downtime = Seconds(0.3);
  for (auto _ : state) benchmark::DoNotOptimize(advise::predict_all(question));
}
BENCHMARK(an_answer_to_an_intent)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace godwit
