#pragma once

#include <array>
#include <compare>
#include <string>
#include <string_view>

#include "godwit/base/error.h"

namespace godwit {

/// Over what memory is sent. How many connections multifd has is a parameter
/// (MigrationParameters::multifd_channels).
enum class Streams { kOne, kMultifd };

/// What is made of a page before it is sent.
enum class Codec {
  kNone,
  kXbzrle,    ///< a page sent again goes as a delta to a cached copy
  kCompress,  ///< zlib by page, beside multifd (QEMU ≤ 9.0 only)
  kZlib,      ///< zlib by stream, in multifd's channels
  kZstd,      ///< zstd, the same
};

/// What is done where dirtying outruns sending.
enum class Throttle {
  kNone,
  kAutoConverge,  ///< QEMU slows the vCPUs in steps
};

/// How the guest comes to run at the destination.
enum class Ending {
  kConverged,           ///< rounds of dirty pages, then switchover when the rest fits the limit
  kPostcopyAtOnce,      ///< switch over first; pages follow on demand and in the background
  kPostcopyAfterShare,  ///< the same after MigrationParameters::precopy_share of memory
  kFirstEstimate,       ///< switchover at QEMU's first estimate: nearly all is copied paused
  kCold,                ///< shut down, its disks copied, booted there: nothing of its memory
};

/// How a guest gets to the destination, as the parts that QEMU combines. Numbers (channels, shares,
/// limits) are parameters, not part of it. Any combination is a value; what can't be had is told by
/// `check_combination`. What is left out is pre-copy's.
struct Technique {
  Streams streams = Streams::kOne;
  Codec codec = Codec::kNone;
  Throttle throttle = Throttle::kNone;
  Ending ending = Ending::kConverged;
  bool storage = false;  ///< the disks move along; a cold move always takes them

  friend constexpr auto operator<=>(const Technique&, const Technique&) = default;

  // Combinations that have a name of their own.
  static const Technique kPrecopy;
  static const Technique kAutoConverge;
  static const Technique kXbzrle;
  static const Technique kCompress;
  static const Technique kMultifd;
  static const Technique kMultifdZlib;
  static const Technique kMultifdZstd;
  static const Technique kPostcopy;
  static const Technique kHybrid;
  static const Technique kStopAndCopy;
  static const Technique kCold;
  static const Technique kColdZstd;
};

inline constexpr Technique Technique::kPrecopy{};
inline constexpr Technique Technique::kAutoConverge{.throttle = Throttle::kAutoConverge};
inline constexpr Technique Technique::kXbzrle{.codec = Codec::kXbzrle};
inline constexpr Technique Technique::kCompress{.codec = Codec::kCompress};
inline constexpr Technique Technique::kMultifd{.streams = Streams::kMultifd};
inline constexpr Technique Technique::kMultifdZlib{.streams = Streams::kMultifd,
                                                   .codec = Codec::kZlib};
inline constexpr Technique Technique::kMultifdZstd{.streams = Streams::kMultifd,
                                                   .codec = Codec::kZstd};
inline constexpr Technique Technique::kPostcopy{.ending = Ending::kPostcopyAtOnce};
inline constexpr Technique Technique::kHybrid{.ending = Ending::kPostcopyAfterShare};
inline constexpr Technique Technique::kStopAndCopy{.ending = Ending::kFirstEstimate};
inline constexpr Technique Technique::kCold{.ending = Ending::kCold};
inline constexpr Technique Technique::kColdZstd{.codec = Codec::kZstd, .ending = Ending::kCold};

/// The named ones that move a running guest: what is predicted and tried where nobody says more.
inline constexpr std::array kLivePresets{
    Technique::kPrecopy, Technique::kAutoConverge, Technique::kXbzrle,      Technique::kCompress,
    Technique::kMultifd, Technique::kMultifdZlib,  Technique::kMultifdZstd, Technique::kPostcopy,
    Technique::kHybrid,  Technique::kStopAndCopy};

/// A name is words joined by "+", in any order, each of which says what no other says: "multifd",
/// "multifd-zstd+auto-converge", "precopy+storage". Written in the order of the parts, with as few
/// words as there are.
[[nodiscard]] std::string to_string(Technique technique);
/// kBadInput: an unknown word, or two that say the same part.
[[nodiscard]] Result<Technique> parse_technique(std::string_view name);
/// The words, for a person to choose from: "precopy, auto-converge, ...".
[[nodiscard]] std::string technique_words();

/// The guest is shut down and booted again, so a hypervisor alone can't do it.
[[nodiscard]] constexpr bool is_cold(Technique technique) {
  return technique.ending == Ending::kCold;
}

/// Post-copy splits the guest over two hosts for a while: losing either then loses the VM.
[[nodiscard]] constexpr bool uses_postcopy(Technique technique) {
  return technique.ending == Ending::kPostcopyAtOnce ||
         technique.ending == Ending::kPostcopyAfterShare;
}

/// What a name ends in when the disks move along with the memory: "auto+storage".
inline constexpr std::string_view kStorageSuffix = "+storage";

}  // namespace godwit
