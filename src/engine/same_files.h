#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <tuple>

#include "godwit/domain/hypervisor.h"

namespace godwit::engine {

/// Disks of two QEMUs on this machine, by device: do both have one and the same file (or block
/// device) open, by whatever names and mounts? A disk is left out where that can't be known: a
/// process on another machine, or one that we may not look into.
[[nodiscard]] std::map<std::string, bool> same_files(const VmDescription& source,
                                                     const VmDescription& destination);

/// Read-only disks of two QEMUs on this machine: do they hold the same? Remembers what it compared,
/// as large files take seconds.
class SameContents {
 public:
  /// Those that `same_files` found to be two files. A disk is left out where the bytes of its file
  /// do not tell (its file can't be read, or shows what is in others), and once `stop` is
  /// requested.
  [[nodiscard]] std::map<std::string, bool> compare(const VmDescription& source,
                                                    const VmDescription& destination,
                                                    const std::stop_token& stop);

 private:
  /// Which file, how large, and when last written to.
  using Stamp = std::tuple<std::uint64_t, std::uint64_t, std::int64_t, std::int64_t, std::int64_t>;
  class File;

  std::optional<bool> equal(const File& a, const File& b, const std::stop_token& stop);

  std::map<std::pair<Stamp, Stamp>, bool> known_;
};

}  // namespace godwit::engine
