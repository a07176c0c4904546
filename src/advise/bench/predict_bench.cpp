// What an answer costs: one VM, all techniques with their default parameters, all metrics; and a
// fleet.

#include <benchmark/benchmark.h>

#include <chrono>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include "godwit/advise/advise.h"
#include "godwit/base/rng.h"
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

/// The same guest when watched pages show that it writes for a second and rests for a second.
GuestProfile profile_in_phases() {
  GuestProfile guest = profile(0);
  WriteTrace trace{Seconds(0.03125), 240, PageCount(600), {}};
  Rng rng(1);
  for (int i = 0; i < 60; ++i) {
    std::vector<bool> page;
    for (int slot = 0; slot < trace.slots; ++slot) {
      page.push_back(slot / 32 % 2 == 0 && rng.uniform() < 0.08);
    }
    trace.changed.push_back(std::move(page));
  }
  guest.write_trace = std::move(trace);
  return guest;
}

double seconds_of(const GuestProfile& guest, const twin::Options& options) {
  constexpr int kTimes = 20;
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < kTimes; ++i) {
    const auto predictor = twin::Predictor::make(guest, kLink, options);
    benchmark::DoNotOptimize(predictor->predict(Technique()));
  }
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() / kTimes;
}

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

/// Pre-copy of a guest in phases, reading its trace included; the argument: draws. `of_steady`: how
/// many times as long it takes as the same of a guest without phases.
void one_guest_in_phases(benchmark::State& state) {
  twin::Options options;
  options.draws = static_cast<int>(state.range(0));
  const GuestProfile guest = profile_in_phases();
  for (auto _ : state) {
    const auto predictor = twin::Predictor::make(guest, kLink, options);
    benchmark::DoNotOptimize(predictor->predict(Technique()));
  }
  state.counters["of_steady"] = seconds_of(guest, options) / seconds_of(profile(0), options);
}
BENCHMARK(one_guest_in_phases)->Arg(0)->Arg(twin::kManyDraws)->Unit(benchmark::kMicrosecond);

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

/// The search for the shares of memory and of a disk of 64 GiB, by agility.
void choose_shares(benchmark::State& state) {
  advise::Question question;
  question.profile = profile(0);
  question.profile.disks = {{"disk0", 64_GiB, 40_GiB, DiskWrites{64_KiB, Seconds(8), {}}}};
  for (const double rate : {0.03, 0.1, 0.4, 1.5, 6.0}) {
    question.profile.disks.front().writes->classes.push_back({300, rate});
  }
  question.profile.activity.disk_read = 2_MB_per_s;
  question.link = kLink;
  question.intent.prefer = Intent::Prefer::kAgility;
  question.storage = true;
  question.techniques = {Technique::kHybrid};
  question.draws = twin::kManyDraws;
  for (auto _ : state) benchmark::DoNotOptimize(advise::predict_all(question));
}
BENCHMARK(choose_shares)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace godwit
