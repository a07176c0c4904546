#pragma once

#include <memory>
#include <string>

#include "godwit/base/clock.h"
#include "godwit/domain/disk_sharing.h"

/// Copies shares of disks between NBD servers (docs/disks.md). Holes cost nothing, several requests
/// are under way, and what changes the destination is checked there before the guest relies on it.

namespace godwit::disks {

/// `netns`: path of the network namespace to connect from; empty: that of the calling thread.
[[nodiscard]] std::unique_ptr<DiskCopier> make_copier(Clock& clock, std::string netns = {});

}  // namespace godwit::disks
