#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "godwit/base/error.h"
#include "godwit/base/rng.h"
#include "godwit/base/units.h"
#include "godwit/domain/guest_profile.h"
#include "godwit/domain/ports.h"

/// What pages hold, for the techniques that compress them.

namespace godwit::profile {

/// Shannon's entropy of a page's bytes, in bits per byte, 0...8.
[[nodiscard]] double byte_entropy(std::span<const std::byte> page);

/// Of `hashes`, the share whose value another one has, too; nothing for none.
[[nodiscard]] std::optional<Ratio> duplicate_share(std::vector<std::uint64_t> hashes);

/// Runs of neighbouring pages, spread evenly over RAM: a compressor's stream finds in a page what
/// was in those before it, which pages taken one by one do not show. Not thread-safe.
class ContentRuns {
 public:
  /// Of a guest with so many pages.
  ContentRuns(PageCount population, PageSize page, Rng& rng);

  /// Reads them; from the second time on, those that differ have changed.
  Result<void> look(GuestMemory& memory);

  /// Of the last look, without pages of zeros; compresses them. `cpu_time`: what this thread has
  /// used. Absent where there were no others.
  [[nodiscard]] std::optional<PageContents> contents(
      const std::function<Seconds()>& cpu_time) const;
  /// The same, of the end of RAM (kEndOfRam).
  [[nodiscard]] std::optional<PageContents> end_contents(
      const std::function<Seconds()>& cpu_time) const;
  /// The same, of the pages that changed.
  [[nodiscard]] std::optional<PageContents> changed_contents(
      const std::function<Seconds()>& cpu_time) const;

 private:
  [[nodiscard]] std::span<const std::byte> page(std::size_t place) const;
  [[nodiscard]] std::optional<PageContents> contents_of(const std::function<Seconds()>& cpu_time,
                                                        const std::vector<bool>& wanted) const;

  std::size_t page_;
  std::int64_t population_;
  std::vector<std::int64_t> indices_;
  std::vector<std::byte> pages_;  ///< as last seen, in the order of indices_
  std::vector<bool> changed_;
  bool looked_ = false;
};

}  // namespace godwit::profile
