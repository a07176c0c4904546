// Locked memory in 4 KiB pages.
#pragma once

#include <cstdint>
#include <span>

#include "godwit/guest/content.h"

namespace godwit::guest {

// Anonymous memory, locked, never in huge pages: a dirty page is to be 4 KiB on any host.
class LockedMemory {
 public:
  // Throws std::system_error, and std::runtime_error when the machine has not that much free.
  explicit LockedMemory(std::int64_t pages);
  ~LockedMemory();
  LockedMemory(const LockedMemory&) = delete;
  LockedMemory& operator=(const LockedMemory&) = delete;

  [[nodiscard]] std::int64_t pages() const { return pages_; }
  [[nodiscard]] PageSpan page(std::int64_t index) const {
    return PageSpan(words_ + index * kPageWords, kPageWords);
  }
  [[nodiscard]] std::span<std::uint64_t> words() const {
    return {words_, static_cast<std::size_t>(pages_ * kPageWords)};
  }

 private:
  std::int64_t pages_;
  std::uint64_t* words_ = nullptr;
};

}  // namespace godwit::guest
