#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "godwit/base/unique_fd.h"
#include "godwit/domain/hypervisor.h"

namespace godwit::guestmem {

/// A RAM block that a VM keeps in a shared file (memory-backend-memfd or -file, share=on), mapped
/// here, too: read where it is, without a copy. Holes of the file are told, not touched: reading
/// one would fill it.
class SharedBlock {
 public:
  /// Nothing where the block is no shared file's, or this process may not open it.
  static std::optional<SharedBlock> map(std::int64_t pid, const RamBlock& block);

  SharedBlock(SharedBlock&& other) noexcept;
  SharedBlock& operator=(SharedBlock&& other) = delete;
  ~SharedBlock();

  /// The bytes at an offset in the block; nothing where the file has a hole. `offset` and `size`
  /// are a page's of the guest.
  [[nodiscard]] std::optional<std::span<const std::byte>> page(std::size_t offset,
                                                               std::size_t size);

 private:
  SharedBlock(UniqueFd file, off_t start, const std::byte* memory, std::size_t size);

  UniqueFd file_;
  off_t start_;  ///< of the block in the file
  const std::byte* memory_;
  std::size_t size_;
  off_t data_from_ = 0;  ///< the part of the file that is known to hold data
  off_t data_to_ = 0;
};

}  // namespace godwit::guestmem
