// The search for what to pre-copy of memory and of storage.

#include <benchmark/benchmark.h>

#include "godwit/model/zhang.h"

namespace godwit::model {
namespace {

ZhangVm guest() {
  ZhangVm vm;
  vm.memory.unit = 4_KiB;
  vm.storage.unit = 64_KiB;
  for (int i = 0; i < 12; ++i) {  // rates a factor of two apart
    vm.memory.classes.push_back({20'000, 1.0 / (1 << i), 2.0 / (1 << i)});
    vm.storage.classes.push_back({5'000, 0.1 / (1 << i), 0.2 / (1 << i)});
  }
  return vm;
}
const ZhangLink kLink{40_Mbit_per_s, Seconds(0.005)};

void their_search(benchmark::State& state) {
  const ZhangVm vm = guest();
  for (auto _ : state) benchmark::DoNotOptimize(zhang_search(vm, kLink));
}
BENCHMARK(their_search)->Unit(benchmark::kMillisecond);

void our_search(benchmark::State& state) {
  const ZhangVm vm = guest();
  for (auto _ : state) benchmark::DoNotOptimize(best_fractions(vm, kLink));
}
BENCHMARK(our_search)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace godwit::model
