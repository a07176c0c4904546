#pragma once

#include <string>
#include <vector>

#include "godwit/base/error.h"
#include "godwit/base/units.h"

/// How a VM's disks are written, seen from outside.

namespace godwit {

/// What was written to a disk since the watch began.
struct WrittenSoFar {
  std::string device;  ///< Disk::device
  Bytes chunk;         ///< writes are told apart by this much
  Bytes unique;        ///< chunks that were written at least once
  friend bool operator==(const WrittenSoFar&, const WrittenSoFar&) = default;
};

/// Counts which chunks of disks are written. What it sets up has a name of Godwit's own, so that a
/// successor finds it. Threading and errors as `Hypervisor`.
class DiskWatch {
 public:
  DiskWatch() = default;
  DiskWatch(const DiskWatch&) = delete;
  DiskWatch& operator=(const DiskWatch&) = delete;
  virtual ~DiskWatch() = default;

  /// Begins with all of these disks at one moment, or with none. What an earlier watch left goes.
  virtual Result<void> watch_writes(const std::vector<std::string>& devices) = 0;
  /// Of each disk that is watched.
  virtual Result<std::vector<WrittenSoFar>> written_so_far() = 0;
  /// Leaves nothing behind; without effect where nothing is watched.
  virtual Result<void> end_watching() = 0;
};

}  // namespace godwit
