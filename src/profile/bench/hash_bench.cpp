// Hashing a VM's RAM where it lies in a shared file, beside copying it, which reads every byte
// once, too, and writes it. What counts is the ratio, which is to be 0.5 at least: bytes_per_second
// of hash_a_shared_file over that of copy_it.

#include <benchmark/benchmark.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <numeric>
#include <span>
#include <vector>

#include "godwit/base/rng.h"
#include "godwit/guestmem/process_guest_memory.h"
#include "page_hash.h"

namespace godwit::profile {
namespace {

constexpr std::size_t kSize = 256 << 20;  // larger than any cache
constexpr std::size_t kPage = 4096;

/// A memfd full of noise, mapped here as a VM maps it.
struct SharedRam {
  SharedRam() {
    const int file = memfd_create("ram", MFD_CLOEXEC);
    if (ftruncate(file, kSize) != 0) std::abort();
    memory =
        static_cast<std::byte*>(mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0));
    Rng rng(1);
    for (std::size_t i = 0; i < kSize; i += sizeof(std::uint64_t)) {
      const std::uint64_t noise = rng.next();
      std::memcpy(memory + i, &noise, sizeof noise);
    }
  }
  std::byte* memory;
};
SharedRam& ram() {
  static SharedRam ram;
  return ram;
}

void copy_it(benchmark::State& state) {
  const std::byte* const memory =
      ram().memory;  // filled by the first who asks, before the clock runs
  std::vector<std::byte> copy(kSize);
  for (auto _ : state) {
    std::memcpy(copy.data(), memory, kSize);
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) *
                          static_cast<std::int64_t>(kSize));
}
BENCHMARK(copy_it)->Unit(benchmark::kMillisecond);

void hash_a_shared_file(benchmark::State& state) {
  RamLayout layout{getpid(),
                   PageSize(static_cast<std::int64_t>(kPage)),
                   {{"ram", Bytes(static_cast<std::int64_t>(kSize)),
                     reinterpret_cast<std::uint64_t>(ram().memory)}}};
  auto memory = guestmem::ProcessGuestMemory::open(layout);
  std::vector<std::int64_t> pages(kSize / kPage);
  std::iota(pages.begin(), pages.end(), 0);
  for (auto _ : state) {
    std::uint64_t all = 0;
    const auto visited = (*memory)->visit_pages(
        pages, [&](std::size_t, std::span<const std::byte> page) { all ^= page_hash(page); });
    if (!visited) state.SkipWithError("not read");
    benchmark::DoNotOptimize(all);
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) *
                          static_cast<std::int64_t>(kSize));
}
BENCHMARK(hash_a_shared_file)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace godwit::profile
