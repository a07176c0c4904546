#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>
#include <vector>

#include "godwit/base/rng.h"
#include "godwit/model/phases.h"

namespace godwit::twin {

inline constexpr std::int64_t kRamPages = 24'576;  // 96 MiB
inline constexpr double kPage = 4096;
/// The shortest window of a dirty curve.
inline constexpr double kWindow = 0.125;

/// How a guest is watched.
struct Watching {
  double slot = 0.03125;
  /// Looks at pages in a slot: at those of the set each time, at others each 16th (profile/
  /// page_watch.h).
  double looks = 124;
  double others = 1.0 / 16;
  double most = 1024;

  [[nodiscard]] int pages(double set_share) const {
    return static_cast<int>(std::min(most, looks / (set_share + (1 - set_share) * others)));
  }
};
/// As it was until 2026-11-28.
inline constexpr Watching kOnceWatched{0.125, 512, 1, 512};

/// A guest that writes at random over one set, in bursts, and hardly at all in between.
struct Bursts {
  double set_pages = 4'096;
  double rate = 6'000;  ///< pages a second, in a burst
  double on = 2;
  double off = 2;

  [[nodiscard]] double cycle() const { return on + off; }
  /// Seconds of bursts until then.
  [[nodiscard]] double busy_until(double seconds) const {
    const double cycles = std::floor(seconds / cycle());
    return cycles * on + std::min(seconds - cycles * cycle(), on);
  }
  [[nodiscard]] double busy(double from, double to) const {
    return busy_until(to) - busy_until(from);
  }
};

/// What a few watched pages would show of it, and the curve of all.
inline GuestProfile profile_of(const Bursts& guest, double seconds, std::uint64_t seed,
                               const Watching& watching = {}) {
  Rng rng(seed);
  const double start = guest.cycle() * rng.uniform();
  GuestProfile profile;
  profile.ram = Bytes(kRamPages * 4096);
  profile.zero_share = Ratio(0.5);
  profile.data_by_part.assign(32, Ratio(0.5));
  const double slot_length = watching.slot;
  const int pages = watching.pages(guest.set_pages / kRamPages);
  WriteTrace trace{
      Seconds(slot_length), static_cast<int>(seconds / slot_length), PageCount(pages), {}};
  for (int i = 0; i < pages; ++i) {
    if (rng.uniform() >= guest.set_pages / kRamPages) continue;
    std::vector<bool> page;
    for (int slot = 0; slot < trace.slots; ++slot) {
      const double from = start + slot * slot_length;
      const double writes = guest.rate * guest.busy(from, from + slot_length) / guest.set_pages;
      page.push_back(rng.uniform() < -std::expm1(-writes));
    }
    trace.changed.push_back(std::move(page));
  }
  for (double t = kWindow; t <= seconds; t *= 2) {
    double sum = 0;
    constexpr int kPlaces = 400;
    for (int i = 0; i < kPlaces; ++i) {
      const double from = start + (seconds - t) * i / kPlaces;
      sum += -std::expm1(-guest.rate * guest.busy(from, from + t) / guest.set_pages);
    }
    const Bytes unique(std::llround(guest.set_pages * kPage * sum / kPlaces));
    profile.dirty_curve.push_back({Seconds(t), unique, unique * Ratio(0.97), unique * Ratio(1.03)});
  }
  std::erase_if(trace.changed, [](const std::vector<bool>& page) {
    return std::find(page.begin(), page.end(), true) == page.end();
  });
  profile.write_trace = std::move(trace);
  return profile;
}

inline std::optional<model::Phases> phases_of(const GuestProfile& profile) {
  auto phases = model::Phases::from_profile(profile);
  EXPECT_TRUE(phases) << phases.error().message;
  return phases ? std::move(*phases) : std::nullopt;
}

}  // namespace godwit::twin
