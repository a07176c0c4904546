#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <tuple>

#include "godwit/domain/hypervisor.h"

namespace godwit::engine {

/// Disks of two QEMUs on this machine, by the source's device: do both have one and the same file
/// (or block device) open, by whatever names, mounts and descriptors? A disk is left out where that
/// can't be known: a process on another machine, or one that we may not look into; two mounts of
/// what may be one file system on the network.
[[nodiscard]] std::map<std::string, bool> same_files(const VmDescription& source,
                                                     const VmDescription& destination);

/// Read-only disks of two QEMUs on this machine: do they hold the same? Remembers what it compared,
/// as large files take seconds.
class SameContents {
 public:
  /// Of what is to be read in all; called for every MiB or so.
  using OnRead = std::function<void(Bytes done, Bytes total)>;
  /// Those that `same_files` did not find to be one file. A disk is left out where the bytes of its
  /// file do not tell: its file can't be read, or shows what is in others. kInterrupted once `stop`
  /// is requested.
  [[nodiscard]] Result<std::map<std::string, bool>> compare(const VmDescription& source,
                                                            const VmDescription& destination,
                                                            const std::stop_token& stop,
                                                            const OnRead& on_read = {});

 private:
  /// Which file, how large, and when last written to.
  using Stamp = std::tuple<std::uint64_t, std::uint64_t, std::int64_t, std::int64_t, std::int64_t>;
  class File;

  [[nodiscard]] std::optional<bool> known(const File& a, const File& b) const;
  std::optional<bool> read(const File& a, const File& b,
                           const std::function<bool(Bytes)>& on_piece);

  std::map<std::pair<Stamp, Stamp>, bool> known_;
};

}  // namespace godwit::engine
