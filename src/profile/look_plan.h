#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "godwit/base/rng.h"
#include "godwit/base/units.h"
#include "godwit/profile/observe.h"

namespace godwit::profile {

/// Which pages are looked at, and when.
///
/// The sample is dealt at random into chunks. A look at all of it is spread over `spread`: chunk c
/// comes c/C of that later than the first, at every look alike, so each page's windows have the
/// planned length wherever it stands in the order. Looks overlap where they are closer than
/// `spread`. As a chunk is a random part of RAM, its delay says nothing about its address: a guest
/// that writes from one end of its memory to the other can't run along with the reader.
///
/// Beside the sample a few pages are watched: looked at in equal slots, from the first look to the
/// last. They are a random sample of their own, and none where the traffic cap would be half spent
/// on them.
struct LookPlan {
  std::vector<Seconds> looks;  ///< 0, 1/8, 1/4, 1/2, 1, 2 ... s
  Seconds spread{};
  std::vector<std::vector<std::int64_t>> chunks;  ///< page indices, ascending within each

  std::vector<std::int64_t> watched;  ///< page indices, ascending
  std::vector<Seconds> slots;         ///< when they are looked at

  struct Visit {
    Seconds at{};
    std::size_t chunk = 0;  ///< chunks.size(): of the watched pages
    std::size_t look = 0;
  };
  /// All visits, in the order of time.
  [[nodiscard]] std::vector<Visit> visits() const;
};

/// Pages of a chunk: 1 MiB of 4 KiB pages, so that a wait costs little beside what it paces, and a
/// burst is short (2.6 ms at 400 MB/s).
inline constexpr std::int64_t kChunkPages = 256;

/// Pages that are watched at first, and the most of them that are looked at in a slot
/// (page_watch.h): with the slots of 8 s a third of what looking at a sample of 12,500 eight times
/// reads. A set of 64 MiB of 384 has 94 of those that are left.
inline constexpr std::int64_t kWatchedPages = 1024;
inline constexpr std::int64_t kReadsPerSlot = 124;

/// Looks that fit `longest` (at least 1 s).
[[nodiscard]] std::vector<Seconds> look_times(Seconds longest);

/// A sample as large as the options want, if at no time more than their traffic cap is read.
[[nodiscard]] LookPlan plan_looks(const ObserveOptions& options, PageCount population,
                                  PageSize page_size, Rng& rng);

}  // namespace godwit::profile
