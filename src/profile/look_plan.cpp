#include "look_plan.h"

#include <algorithm>
#include <cmath>

#include "curve_estimate.h"

namespace godwit::profile {
namespace {

// The shortest window: QEMU's own estimates use no shorter ones, and a page's two reads are then
// still far apart in comparison with the time that reading takes.
constexpr Seconds kFirstLook{0.125};

// A look is spread over this share of the longest window: the observation takes that much longer.
constexpr double kSpread = 1.0 / 8;

/// QEMU looks at its dirty bitmap once per 100 ms at most (migration-stats.h, BUFFER_DELAY): what a
/// guest does within a third of that evens out. A power of two of a second, so that four are the
/// slot of profiles that were taken before.
constexpr Seconds kSlot{0.03125};
/// Watched for a minute: many times what phases take that matter to a migration.
constexpr std::size_t kMostSlots = 1920;

std::vector<Seconds> slot_times(Seconds longest) {
  std::vector<Seconds> slots;
  for (Seconds at{}; at <= longest && slots.size() <= kMostSlots; at += kSlot) slots.push_back(at);
  return slots;
}

/// Looks at the watched pages that may fall into so much time.
std::int64_t slots_within(Seconds time) {
  return static_cast<std::int64_t>(std::ceil(time / kSlot)) + 1;
}

/// The most looks that are under way at one time.
std::int64_t most_overlapping(const std::vector<Seconds>& looks, Seconds spread) {
  std::int64_t most = 1;
  for (const Seconds at : looks) {
    most = std::max<std::int64_t>(
        most, std::count_if(looks.begin(), looks.end(),
                            [&](Seconds other) { return other <= at && other > at - spread; }));
  }
  return most;
}

std::vector<std::vector<std::int64_t>> deal(std::vector<std::int64_t> pages, Rng& rng) {
  rng.shuffle(pages);
  std::vector<std::vector<std::int64_t>> chunks;
  const auto chunk_size = static_cast<std::size_t>(kChunkPages);
  for (std::size_t start = 0; start < pages.size(); start += chunk_size) {
    const auto first = pages.begin() + static_cast<std::ptrdiff_t>(start);
    const auto count = static_cast<std::ptrdiff_t>(std::min(chunk_size, pages.size() - start));
    chunks.emplace_back(first, first + count);
    std::sort(chunks.back().begin(), chunks.back().end());
  }
  return chunks;
}

}  // namespace

std::vector<Seconds> look_times(Seconds longest) {
  std::vector<Seconds> looks{Seconds(0)};
  for (Seconds at = kFirstLook; at <= longest; at *= 2) looks.push_back(at);
  return looks;
}

LookPlan plan_looks(const ObserveOptions& options, PageCount population, PageSize page_size,
                    Rng& rng) {
  LookPlan plan;
  plan.looks = look_times(options.length);
  plan.spread = plan.looks.back() * kSpread;
  const std::int64_t allowed =
      (options.traffic_cap * plan.spread).count() / page_size.bytes().count();
  const std::int64_t watched = std::min(population.count(), kWatchedPages);
  const std::int64_t watching = watched + kReadsPerSlot * slots_within(plan.spread);
  if (watching <= allowed / 2) {
    plan.watched = rng.sample(population.count(), watched);
    std::sort(plan.watched.begin(), plan.watched.end());
    plan.slots = slot_times(plan.looks.back());
  }
  const std::int64_t affordable =
      (allowed - (plan.slots.empty() ? 0 : watching)) / most_overlapping(plan.looks, plan.spread);
  const std::int64_t wanted = pages_to_sample(population.count(), options.half_width.value());
  const std::int64_t sampled = std::max<std::int64_t>(1, std::min(wanted, affordable));
  plan.chunks = deal(rng.sample(population.count(), sampled), rng);
  return plan;
}

std::vector<LookPlan::Visit> LookPlan::visits() const {
  std::vector<Visit> all;
  for (std::size_t look = 0; look < looks.size(); ++look) {
    for (std::size_t chunk = 0; chunk < chunks.size(); ++chunk) {
      const double delay = static_cast<double>(chunk) / static_cast<double>(chunks.size());
      all.push_back({looks[look] + spread * delay, chunk, look});
    }
  }
  for (std::size_t slot = 0; slot < slots.size(); ++slot) {
    all.push_back({slots[slot], chunks.size(), slot});
  }
  std::stable_sort(all.begin(), all.end(),
                   [](const Visit& a, const Visit& b) { return a.at < b.at; });
  return all;
}

}  // namespace godwit::profile
