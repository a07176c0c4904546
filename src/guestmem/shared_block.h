#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "godwit/base/unique_fd.h"
#include "godwit/domain/hypervisor.h"

namespace godwit::guestmem {

/// A RAM block that a VM keeps in a shared file (memory-backend-memfd or -file, share=on), mapped
/// here, too: read where it is, without a copy. Holes of the file are told, not touched: reading
/// one would fill it. Any process that has the file can cut it short; the block is then of no use
/// any more.
class SharedBlock {
 public:
  /// Nothing where the block is no shared file's, or this process may not open it.
  static std::optional<SharedBlock> map(std::int64_t pid, const RamBlock& block);

  SharedBlock(SharedBlock&& other) noexcept;
  SharedBlock& operator=(SharedBlock&& other) = delete;
  ~SharedBlock();

  /// Shows the bytes at an offset in the block, which are a page's of the guest; of a hole, zeros.
  /// False where the file no longer reaches that far: what was shown then, if anything was, means
  /// nothing.
  [[nodiscard]] bool show(std::size_t offset, std::size_t size,
                          const std::function<void(std::span<const std::byte>)>& look);

 private:
  SharedBlock(UniqueFd file, off_t start, const std::byte* memory, std::size_t size);

  [[nodiscard]] bool is_hole(off_t at, std::size_t size);
  [[nodiscard]] bool reaches(off_t end) const;

  UniqueFd file_;
  off_t start_;  ///< of the block in the file
  const std::byte* memory_;
  std::size_t size_;
  off_t data_from_ = 0;  ///< the part of the file that is known to hold data
  off_t data_to_ = 0;
  bool cut_short_ = false;
  std::vector<std::byte> zeros_;
};

}  // namespace godwit::guestmem
