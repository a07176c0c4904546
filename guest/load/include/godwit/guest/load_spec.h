// One load a guest is asked to make, and the string that describes it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace godwit::guest {

inline constexpr std::int64_t kPageBytes = 4096;
inline constexpr std::int64_t kPageWords = kPageBytes / 8;

enum class LoadKind {
  kIdle,
  kCpu,
  kMemoryWrite,
  kMemoryRead,
  kMemoryHeap,
  kDiskWrite,
  kDiskRead,
  kTcpSend,
  kTcpReceive,
  kUdpSend,
  kUdpReceive,
  kHttp,
  kProgram
};
inline constexpr int kLoadKinds = 13;
enum class Pattern { kSequential, kUniform, kHotCold };
enum class Content { kRandom, kCompressible, kZero };
enum class Program { kRedis, kPostgres, kNginx, kCompile };

// As it stands in a spec: "memory-write".
[[nodiscard]] std::string_view name_of(LoadKind kind);
[[nodiscard]] std::string_view name_of(Program program);

// What a kind does not take keeps its default.
struct LoadSpec {
  LoadKind kind = LoadKind::kIdle;
  std::int64_t set_bytes = 0;  // as asked; memory is taken in whole pages, disk in whole blocks
  // Bytes touched or sent per second; empty: as fast as possible (`rate=full`).
  std::optional<std::int64_t> rate_bytes_per_s{};
  Pattern pattern = Pattern::kUniform;
  Content content = Content::kRandom;
  std::int64_t words_per_page = kPageWords;    // how many 8-byte words a page write changes
  std::int64_t silent_percent = 0;             // of page writes that store what was there
  std::optional<std::int64_t> duty_percent{};  // of one vCPU; empty: all of it (`duty=full`)
  std::int64_t block_bytes = 65536;            // of one disk access; whole pages
  bool page_cache = true;                      // whether disk-read goes through it
  std::uint32_t peer_ip = 0;                   // 10.77.0.1 is 0x0a4d0001
  std::int64_t port = 0;                       // one's own, or the peer's for who sends
  std::int64_t message_bytes = 1024;           // header included
  std::int64_t page_bytes = 4096;              // of the page that http serves
  Program program = Program::kRedis;
  std::int64_t clients = 4;  // that give the program work, or how many of it run at once
  std::int64_t fill_bytes = 0;
  friend bool operator==(const LoadSpec&, const LoadSpec&) = default;
};

// Exactly one of the two is filled: `spec`, or `error`, which says where and what is wrong and what
// is allowed.
struct ParsedLoad {
  std::optional<LoadSpec> spec;
  std::string error;
};

// Parses KIND[,KEY=VALUE]... (README: which kind takes which keys). A number without its unit is
// refused, as is a key that is unknown or stands twice. `whole` is the text that `text` is a part
// of: places in errors are counted in it, from 1.
[[nodiscard]] ParsedLoad parse_load_spec(std::string_view text, std::string_view whole);
[[nodiscard]] inline ParsedLoad parse_load_spec(std::string_view text) {
  return parse_load_spec(text, text);
}

// The spec as a string, its defaults left out: parsing it gives the same spec.
[[nodiscard]] std::string format_load_spec(const LoadSpec& spec);

// Smallest number of whole units that holds `bytes`.
[[nodiscard]] constexpr std::int64_t units_for(std::int64_t bytes, std::int64_t unit_bytes) {
  return (bytes + unit_bytes - 1) / unit_bytes;
}
[[nodiscard]] constexpr std::int64_t pages_for(std::int64_t bytes) {
  return units_for(bytes, kPageBytes);
}

}  // namespace godwit::guest
