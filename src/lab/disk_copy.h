#pragma once

#include <optional>
#include <stop_token>
#include <string>

#include "godwit/base/error.h"
#include "godwit/lab/power.h"

namespace godwit::lab {

/// A file of one host, to be copied to another host over its network. Both files are of one size;
/// the copy's holes are where the original has them, as the copy begins empty.
struct DiskCopy {
  std::string from;
  std::string to;
  std::optional<std::string> from_netns;  ///< paths
  std::optional<std::string> to_netns;
  std::string to_address;  ///< IPv4
};

/// Copies what the file holds, compressed or not, and makes sure that it arrived as it was. On
/// error the copy is of no use. kInterrupted, kTimeout at the deadline or when the network carries
/// nothing for 30 s, kEnvironment when it can't be written (no space), kCorrupt when it arrived
/// otherwise.
Result<CopiedDisk> copy_disk_file(const DiskCopy& copy, const CopyOptions& options,
                                  const std::stop_token& stop);

}  // namespace godwit::lab
