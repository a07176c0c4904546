#pragma once

#include <functional>
#include <stop_token>
#include <string>

#include "godwit/base/error.h"
#include "godwit/base/units.h"

/// What a cold migration is made of: a guest switched off, its own disk copied, the guest switched
/// on elsewhere. Locks and errors as in lab.h.

namespace godwit::lab {

/// Has the guest shut down by itself, and waits for its QEMU's end. kTimeout when it doesn't end
/// within `patience`: it may still do so later.
Result<void> power_off(const std::string& lab, const std::string& guest, Seconds patience,
                       std::stop_token stop = {});

struct CopyOptions {
  bool zstd = false;  ///< compressed on the way (level 1)
  Seconds patience{3600};
  std::function<void(Bytes done, Bytes of)> on_progress{};
};
struct CopiedDisk {
  Bytes content;  ///< what the disk held; holes are not counted, nor sent
  Bytes sent;     ///< in how many bytes it travelled
};
/// Copies the own disk of a guest that is off to `host`, over the migration network. Nothing is to
/// be done, and nothing copied, for a guest without one. kBusy while the guest runs; after any
/// error there is no copy.
Result<CopiedDisk> copy_disk(const std::string& lab, const std::string& guest,
                             const std::string& host, const CopyOptions& options,
                             std::stop_token stop = {});

/// Boots a guest that is off on `host`, with the disk that it has there, and returns once its load
/// runs: from then on it is at home there, and the other host's own disk is removed. On error, also
/// when stopped, it is off and at home where it was; a copy of its disk is removed.
Result<void> power_on(const std::string& lab, const std::string& guest, const std::string& host,
                      Seconds patience, std::stop_token stop = {});

}  // namespace godwit::lab
