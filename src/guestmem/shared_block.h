#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "godwit/base/unique_fd.h"
#include "godwit/domain/hypervisor.h"

namespace godwit::guestmem {

/// A RAM block that a VM keeps in a shared file (memory-backend-memfd or -file, share=on), read
/// from that file. It is never mapped here: any process that has the file can cut it short, and who
/// then touches a mapping dies of SIGBUS. Reading a hole gives zeros and leaves it a hole.
class SharedBlock {
 public:
  /// Nothing where the block is no shared file's, or this process may not open it.
  static std::optional<SharedBlock> open(std::int64_t pid, const RamBlock& block);

  /// Fills `into` from an offset in the block. False where the file no longer reaches that far, or
  /// can't be read; what `into` holds then means nothing.
  [[nodiscard]] bool read(std::size_t offset, std::span<std::byte> into) const;

 private:
  SharedBlock(UniqueFd file, off_t start) : file_(std::move(file)), start_(start) {}

  UniqueFd file_;
  off_t start_;  ///< of the block in the file
};

}  // namespace godwit::guestmem
