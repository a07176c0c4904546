#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

namespace godwit {

/// How guest memory gets to the destination. Names as on the command line and in JSON.
enum class Technique {
  kPrecopy,       ///< rounds of dirty pages while the guest runs, then switchover
  kAutoConverge,  ///< pre-copy; QEMU throttles the vCPUs when dirtying outruns sending
  kXbzrle,        ///< pre-copy; pages sent again go as a delta to a cached copy
  kCompress,      ///< pre-copy; zlib by page (QEMU ≤ 9.0 only)
  kMultifd,       ///< pre-copy over several connections
  kMultifdZlib,   ///< multifd, compressed with zlib
  kMultifdZstd,   ///< multifd, compressed with zstd
  kPostcopy,      ///< switch over at once, then fetch pages on demand and in the background
  kHybrid,        ///< pre-copy a share of memory, then post-copy the rest
  kStopAndCopy,  ///< QEMU's pre-copy that switches over at its first estimate: nearly all is copied
                 ///< paused
  kCold,         ///< shut down, its disks copied, booted at the destination: nothing of its memory
  kColdZstd,     ///< the same; the disks travel compressed
};

/// What a running guest can be moved by: all but the cold ones.
inline constexpr std::array kAllTechniques{
    Technique::kPrecopy, Technique::kAutoConverge, Technique::kXbzrle,      Technique::kCompress,
    Technique::kMultifd, Technique::kMultifdZlib,  Technique::kMultifdZstd, Technique::kPostcopy,
    Technique::kHybrid,  Technique::kStopAndCopy};

[[nodiscard]] std::string_view to_string(Technique technique);
[[nodiscard]] std::optional<Technique> technique_from_string(std::string_view name);

/// The guest is shut down and booted again, so a hypervisor alone can't do it.
[[nodiscard]] bool is_cold(Technique technique);

/// Post-copy splits the guest over two hosts for a while: losing either then loses the VM.
[[nodiscard]] bool uses_postcopy(Technique technique);

/// What a name ends in when the disks move along with the memory: "precopy+storage".
inline constexpr std::string_view kStorageSuffix = "+storage";

/// A name in its two parts; `memory` is a technique's name, or "auto".
struct TechniqueName {
  std::string_view memory;
  bool storage = false;
};
[[nodiscard]] TechniqueName split_storage(std::string_view name);
/// The name as a whole.
[[nodiscard]] std::string full_name(Technique technique, bool storage);

}  // namespace godwit
