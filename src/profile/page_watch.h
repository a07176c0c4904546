#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "godwit/base/clock.h"
#include "godwit/base/error.h"
#include "godwit/base/rng.h"
#include "godwit/domain/guest_profile.h"
#include "godwit/domain/ports.h"

namespace godwit::profile {

/// Looks at the same pages again and again, and notes in which slots they change.
///
/// Most pages of a guest never change, and looking at them is in vain: one that has not changed yet
/// is looked at in every 16th slot, one that has in each. What a page does first is thus known to
/// half a second; so is when a guest begins with pages that it left alone before. Where that comes
/// to more than kReadsPerSlot, pages are given up in an order drawn at random beforehand, so that
/// the rest are a random sample still. Not thread-safe.
class PageWatch {
 public:
  /// `pages`: indices, ascending. `looks`: how many there will be.
  PageWatch(std::vector<std::int64_t> pages, std::size_t looks, Rng& rng);

  /// Errors are the memory's own.
  Result<void> look(GuestMemory& memory, TimePoint now);

  /// What the last look cost, in chunks of the sample (look_plan.h), and what those left may.
  [[nodiscard]] double chunks() const;
  [[nodiscard]] double chunks_left() const;
  /// Of the looks so far, in slots as long as they were in the mean, without those before each page
  /// was looked at a second time; absent while there are none.
  [[nodiscard]] std::optional<WriteTrace> trace() const;

 private:
  struct Page {
    std::int64_t index = 0;
    std::size_t rank = 0;  ///< is given up when so few are kept
    std::uint64_t hash = 0;
    bool has_changed = false;
    std::vector<bool> changed;  ///< by slot
  };
  [[nodiscard]] bool is_due(const Page& page, std::size_t place) const;
  void keep_what_is_affordable();

  std::vector<Page> pages_;
  std::vector<std::size_t> by_rank_;  ///< places in pages_
  std::size_t kept_;                  ///< pages of the first ranks
  std::size_t planned_;
  std::size_t looks_ = 0;
  std::size_t read_ = 0;  ///< pages, by the last look
  std::vector<TimePoint> times_;
};

}  // namespace godwit::profile
