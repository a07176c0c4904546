#include "godwit/guest/load_spec.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

namespace godwit::guest {
namespace {

__extension__ using Wide = __int128;

struct Unit {
  std::string_view name;
  std::int64_t bytes;
};
constexpr std::array kUnits = {Unit{"B", 1},           Unit{"kB", 1'000},
                               Unit{"MB", 1'000'000},  Unit{"GB", 1'000'000'000},
                               Unit{"KiB", 1LL << 10}, Unit{"MiB", 1LL << 20},
                               Unit{"GiB", 1LL << 30}};
constexpr std::string_view kUnitNames = "B, kB, MB, GB, KiB, MiB or GiB";
// Enough for any guest, and far from overflow wherever pages are multiplied.
constexpr std::int64_t kMaxBytes = 1LL << 46;

std::string quoted(std::string_view text) {
  return "'" + std::string(text) + "'";
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const std::size_t at = text.find(separator);
    parts.push_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

std::optional<std::int64_t> parse_whole_number(std::string_view digits) {
  if (digits.empty() || digits.size() > 15) return std::nullopt;
  std::int64_t value = 0;
  for (const char c : digits) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  return value;
}

// "12" or "1.5", times `unit_bytes`, rounded down to a byte; empty when it is no such number or
// too large.
std::optional<std::int64_t> parse_amount(std::string_view number, std::int64_t unit_bytes) {
  const std::size_t point = number.find('.');
  const auto whole = parse_whole_number(number.substr(0, point));
  if (!whole) return std::nullopt;
  Wide bytes = Wide{*whole} * unit_bytes;
  if (point != std::string_view::npos) {
    const std::string_view digits = number.substr(point + 1);
    const auto fraction = parse_whole_number(digits);
    if (!fraction) return std::nullopt;
    std::int64_t scale = 1;
    for (std::size_t i = 0; i < digits.size(); ++i) scale *= 10;
    bytes += Wide{*fraction} * unit_bytes / scale;
  }
  if (bytes > kMaxBytes) return std::nullopt;
  return static_cast<std::int64_t>(bytes);
}

class Parser {
 public:
  ParsedLoad run(std::string_view text) {
    const auto parts = split(text, ',');
    if (!parse_kind(parts.front())) return {std::nullopt, std::move(error_)};
    for (std::size_t i = 1; i < parts.size(); ++i) {
      if (!parse_option(parts[i])) return {std::nullopt, std::move(error_)};
    }
    if (!check_complete()) return {std::nullopt, std::move(error_)};
    return {spec_, {}};
  }

 private:
  bool fail(std::string error) {
    error_ = std::move(error);
    return false;
  }

  bool parse_kind(std::string_view kind) {
    if (kind == "idle") {
      spec_.kind = LoadKind::kIdle;
    } else if (kind == "memory-write") {
      spec_.kind = LoadKind::kMemoryWrite;
    } else {
      return fail("unknown load " + quoted(kind) + ": idle or memory-write");
    }
    return true;
  }

  bool parse_option(std::string_view option) {
    const std::size_t equals = option.find('=');
    if (equals == std::string_view::npos) return fail(quoted(option) + " is not key=value");
    const std::string_view key = option.substr(0, equals);
    const std::string_view value = option.substr(equals + 1);
    if (seen(key)) return fail(quoted(key) + " stands twice");
    seen_.push_back(key);
    if (key == "fill") return parse_size(key, value, spec_.fill_bytes);
    if (spec_.kind == LoadKind::kIdle) return fail("idle takes only fill, not " + quoted(key));
    if (key == "set") return parse_size(key, value, spec_.set_bytes);
    if (key == "rate") return parse_rate(value);
    if (key == "pattern") return parse_pattern(value);
    if (key == "content") return parse_content(value);
    if (key == "words") return parse_words(value);
    return fail("unknown key " + quoted(key) + ": set, rate, pattern, content, words or fill");
  }

  bool parse_size(std::string_view key, std::string_view value, std::int64_t& bytes) {
    const std::size_t unit_at = value.find_first_not_of("0123456789.");
    if (unit_at == std::string_view::npos && !value.empty()) {
      return fail(std::string(key) + "=" + std::string(value) +
                  " has no unit: " + std::string(kUnitNames));
    }
    const std::string_view name = value.empty() ? value : value.substr(unit_at);
    for (const Unit& unit : kUnits) {
      if (unit.name != name) continue;
      const auto amount = parse_amount(value.substr(0, unit_at), unit.bytes);
      if (!amount) return fail(std::string(key) + ": " + quoted(value) + " is not a usable number");
      bytes = *amount;
      return true;
    }
    return fail(std::string(key) + ": unknown unit " + quoted(name) + " in " + quoted(value) +
                ": " + std::string(kUnitNames));
  }

  bool parse_rate(std::string_view value) {
    if (value == "full") return true;
    if (!value.ends_with("/s")) {
      return fail("rate=" + std::string(value) + " is no rate: say full, or for example 10MB/s");
    }
    std::int64_t bytes = 0;
    if (!parse_size("rate", value.substr(0, value.size() - 2), bytes)) return false;
    if (bytes == 0) return fail("rate must be above zero: for a guest that writes nothing, idle");
    spec_.rate_bytes_per_s = bytes;
    return true;
  }

  bool parse_pattern(std::string_view value) {
    if (value == "sequential") {
      spec_.pattern = Pattern::kSequential;
    } else if (value == "uniform") {
      spec_.pattern = Pattern::kUniform;
    } else if (value == "hot-cold") {
      spec_.pattern = Pattern::kHotCold;
    } else {
      return fail("unknown pattern " + quoted(value) + ": sequential, uniform or hot-cold");
    }
    return true;
  }

  bool parse_content(std::string_view value) {
    if (value == "random") {
      spec_.content = Content::kRandom;
    } else if (value == "compressible") {
      spec_.content = Content::kCompressible;
    } else if (value == "zero") {
      spec_.content = Content::kZero;
    } else {
      return fail("unknown content " + quoted(value) + ": random, compressible or zero");
    }
    return true;
  }

  bool parse_words(std::string_view value) {
    const auto words = parse_whole_number(value);
    if (!words || *words < 1 || *words > kPageWords) {
      return fail("words: " + quoted(value) + " is not a number from 1 to 512");
    }
    spec_.words_per_page = *words;
    return true;
  }

  [[nodiscard]] bool seen(std::string_view key) const {
    return std::ranges::find(seen_, key) != seen_.end();
  }

  bool check_complete() {
    if (spec_.kind == LoadKind::kIdle) return true;
    if (!seen("set")) return fail("memory-write needs set, for example set=64MiB");
    if (!seen("rate")) return fail("memory-write needs rate, for example rate=10MB/s or rate=full");
    if (spec_.set_bytes < kPageBytes) return fail("set must be at least one page, 4KiB");
    return true;
  }

  LoadSpec spec_;
  std::vector<std::string_view> seen_;
  std::string error_;
};

}  // namespace

ParsedLoad parse_load_spec(std::string_view text) {
  return Parser().run(text);
}

std::int64_t pages_for(std::int64_t bytes) {
  return (bytes + kPageBytes - 1) / kPageBytes;
}

}  // namespace godwit::guest
