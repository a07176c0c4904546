// The load a guest is asked to make, and the one string that describes it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace godwit::guest {

inline constexpr std::int64_t kPageBytes = 4096;
inline constexpr std::int64_t kPageWords = kPageBytes / 8;

enum class LoadKind { kIdle, kMemoryWrite };
enum class Pattern { kSequential, kUniform, kHotCold };
enum class Content { kRandom, kCompressible, kZero };

struct LoadSpec {
  LoadKind kind = LoadKind::kIdle;
  std::int64_t set_bytes = 0;  // as asked; memory is taken in whole pages
  // Bytes of pages touched per second; empty: as fast as possible (`rate=full`).
  std::optional<std::int64_t> rate_bytes_per_s;
  Pattern pattern = Pattern::kUniform;
  Content content = Content::kRandom;
  std::int64_t words_per_page = kPageWords;  // how many 8-byte words a page write changes
  std::int64_t fill_bytes = 0;
};

// Exactly one of the two is filled: `spec`, or `error`, which says what is wrong and what is
// allowed.
struct ParsedLoad {
  std::optional<LoadSpec> spec;
  std::string error;
};

// Parses `idle[,fill=SIZE]` or
// `memory-write,set=SIZE,rate=SIZE/s|full[,pattern=..][,content=..][,words=N][,fill=SIZE]`.
// A number without its unit is refused, as is a key that is unknown or stands twice.
[[nodiscard]] ParsedLoad parse_load_spec(std::string_view text);

// Smallest number of whole pages that holds `bytes`.
[[nodiscard]] std::int64_t pages_for(std::int64_t bytes);

}  // namespace godwit::guest
