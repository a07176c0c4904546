#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <fstream>
#include <memory>
#include <vector>

#include "godwit/base/clock.h"
#include "godwit/base/process.h"
#include "godwit/cpuquota/vcpu_quota.h"
#include "tests/burner.h"

/// The share of a CPU that is asked for against the one that is used, by threads that use all they
/// get: the table of docs/cpu-quota.md. Needs the right to make control groups.

namespace godwit::cpuquota {
namespace {

constexpr Seconds kWindow{5};

/// The machine's other work shall not take what the quota leaves.
void outweigh_others(const LentCpu& lent, const std::vector<VcpuUse>& vcpus) {
  for (const CgroupHome& home : lent.homes) {
    for (const VcpuUse& one : vcpus) {
      const std::string group = fmt::format("{}/{}-{}", home.folder, lent.group, one.thread);
      if (lent.version == CgroupVersion::kV1) std::ofstream(group + "/cpu.shares") << 262144;
      if (lent.version == CgroupVersion::kV2) std::ofstream(group + "/cpu.weight") << 10000;
    }
  }
}

void share_used(benchmark::State& state) {
  const double share = static_cast<double>(state.range(0)) / 100;
  const Burner burner(static_cast<int>(state.range(1)));
  const auto quota = make_vcpu_quota(burner.pid(), process_start(burner.pid()));
  const auto lent = quota->plan();
  if (!lent || !quota->limit(Ratio(share))) {
    state.SkipWithError("no control groups can be made here");
    return;
  }
  outweigh_others(*lent, quota->used().value());
  RealClock clock;
  clock.wait_until(clock.now() + Seconds(0.5), {});
  for (auto ignored : state) {
    const TimePoint start = clock.now();
    const auto first = quota->used().value();
    clock.wait_until(start + kWindow, {});
    const auto last = quota->used().value();
    const double window = (clock.now() - start).count();
    state.SetIterationTime(window);
    for (std::size_t i = 0; i < last.size(); ++i) {
      const double used = (last[i].on_cpu - first[i].on_cpu).count() / window;
      const double held = (last[i].held_back - first[i].held_back).count() / window;
      state.counters[fmt::format("used{}_percent", i)] = 100 * used;
      state.counters[fmt::format("held{}_percent", i)] = 100 * held;
    }
  }
}
BENCHMARK(share_used)
    ->ArgNames({"asked_percent", "vcpus"})
    ->ArgsProduct({{1, 2, 5, 10, 20, 30, 50, 70, 80, 90}, {1, 2}})
    ->Iterations(1)
    ->UseManualTime()
    ->Unit(benchmark::kSecond);

/// What a call of limit() costs while it limits.
void limit_again(benchmark::State& state) {
  const Burner burner(static_cast<int>(state.range(0)));
  const auto quota = make_vcpu_quota(burner.pid(), process_start(burner.pid()));
  if (!quota->plan()) {
    state.SkipWithError("no control groups can be made here");
    return;
  }
  for (auto ignored : state) benchmark::DoNotOptimize(quota->limit(Ratio(0.02)));
}
BENCHMARK(limit_again)->ArgName("vcpus")->Arg(1)->Arg(4)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace godwit::cpuquota
