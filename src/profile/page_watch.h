#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "godwit/base/clock.h"
#include "godwit/base/error.h"
#include "godwit/domain/guest_profile.h"
#include "godwit/domain/ports.h"

namespace godwit::profile {

/// Looks at the same few pages again and again, and notes in which slots they change. Not
/// thread-safe.
class PageWatch {
 public:
  /// `pages`: indices, ascending. `looks`: how many there will be.
  PageWatch(std::vector<std::int64_t> pages, std::size_t looks);

  /// Errors are the memory's own.
  Result<void> look(GuestMemory& memory, TimePoint now);

  /// What a look costs, in chunks of the sample (look_plan.h).
  [[nodiscard]] double chunks() const;
  [[nodiscard]] double looks_left() const { return static_cast<double>(planned_ - looks_); }
  /// Of the looks so far, in slots as long as they were in the mean; absent before the second.
  [[nodiscard]] std::optional<WriteTrace> trace() const;

 private:
  std::vector<std::int64_t> pages_;
  std::size_t planned_;
  std::size_t looks_ = 0;
  TimePoint first_;
  TimePoint last_;
  std::vector<std::uint64_t> hashes_;       ///< as of the last look
  std::vector<std::vector<bool>> changed_;  ///< of each page, by slot
};

}  // namespace godwit::profile
