#include "godwit/domain/combination_rule.h"

#include <fmt/format.h>

#include <array>
#include <compare>
#include <optional>
#include <string_view>

namespace godwit {
namespace {

bool is_multifd(Technique t) {
  return t.streams == Streams::kMultifd;
}
bool codes_in_channels(Technique t) {
  return t.codec == Codec::kZlib || t.codec == Codec::kZstd;
}

struct Version {
  int major = 0;
  int minor = 0;
  friend constexpr auto operator<=>(const Version&, const Version&) = default;
};

/// What can't be combined, or only since a version.
struct Rule {
  bool (*concerns)(Technique);
  std::optional<Version> since;  ///< absent: never
  std::string_view why;
  std::string_view what_to_do;
};

constexpr std::array kRules{
    Rule{[](Technique t) {
           const bool known = t.codec == Codec::kNone || t.codec == Codec::kZstd;
           return is_cold(t) && (!known || is_multifd(t) || t.throttle != Throttle::kNone);
         },
         {},
         "a cold move sends nothing of the memory",
         "choose cold or cold-zstd"},
    Rule{[](Technique t) { return is_cold(t) && t.storage; },
         {},
         "a cold move takes the disks along anyway",
         "leave storage out"},
    Rule{[](Technique t) { return codes_in_channels(t) && !is_multifd(t) && !is_cold(t); },
         {},
         "QEMU compresses by zlib and zstd in multifd's channels only",
         "choose multifd-zlib or multifd-zstd"},
    // Refused since QEMU 8.2; before, pages went over multifd as they are.
    Rule{[](Technique t) { return is_multifd(t) && t.codec == Codec::kXbzrle; },
         {},
         "QEMU sends no deltas over multifd",
         "choose xbzrle or multifd; multifd-zstd sends less than multifd, too"},
    // Refused from QEMU 7.1 to 9.0; newer ones know no compress.
    Rule{[](Technique t) { return is_multifd(t) && t.codec == Codec::kCompress; },
         {},
         "QEMU's old compression knows one stream only",
         "choose multifd-zlib or multifd-zstd"},
    Rule{[](Technique t) { return is_multifd(t) && uses_postcopy(t); }, Version{10, 1},
         "it combines multifd and post-copy since 10.1 only",
         "leave multifd or post-copy out, or update QEMU on both sides"},
};

}  // namespace

Result<void> check_combination(Technique technique) {
  for (const Rule& rule : kRules) {
    if (rule.since || !rule.concerns(technique)) continue;
    return fail(ErrorCode::kBadInput,
                fmt::format("there is no '{}': {}", to_string(technique), rule.why),
                Remedy(std::string(rule.what_to_do)));
  }
  return {};
}

Result<void> check_combination(Technique technique, const VmDescription& vm) {
  GODWIT_CHECK_OK(check_combination(technique));
  const Version version{vm.version_major, vm.version_minor};
  for (const Rule& rule : kRules) {
    if (!rule.since || version >= *rule.since || !rule.concerns(technique)) continue;
    return fail(
        ErrorCode::kUnsupported,
        fmt::format("QEMU {} can't do '{}': {}", vm.version, to_string(technique), rule.why),
        Remedy(std::string(rule.what_to_do)));
  }
  return {};
}

}  // namespace godwit
