#include "godwit/guest/quantity.h"

#include <array>
#include <utility>

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

constexpr std::array kTimes = {std::pair{std::string_view("ms"), 1},
                               std::pair{std::string_view("s"), 1'000},
                               std::pair{std::string_view("m"), 60'000}};
// A phase is at least one slice of a paced load; beyond an hour nobody waits for the next one.
constexpr std::int64_t kLeastMs = 10;
constexpr std::int64_t kMostMs = 3'600'000;

std::optional<std::int64_t> parse_digits(std::string_view digits) {
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
  const auto whole = parse_digits(number.substr(0, point));
  if (!whole) return std::nullopt;
  Wide bytes = Wide{*whole} * unit_bytes;
  if (point != std::string_view::npos) {
    const std::string_view digits = number.substr(point + 1);
    const auto fraction = parse_digits(digits);
    if (!fraction) return std::nullopt;
    std::int64_t scale = 1;
    for (std::size_t i = 0; i < digits.size(); ++i) scale *= 10;
    bytes += Wide{*fraction} * unit_bytes / scale;
  }
  if (bytes > kMaxBytes) return std::nullopt;
  return static_cast<std::int64_t>(bytes);
}

}  // namespace

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

Parsed<std::int64_t> parse_size(std::string_view text) {
  const std::size_t unit_at = text.find_first_not_of("0123456789.");
  if (unit_at == std::string_view::npos && !text.empty()) {
    return {std::nullopt, quoted(text) + " has no unit: " + std::string(kUnitNames)};
  }
  const std::string_view name = text.empty() ? text : text.substr(unit_at);
  for (const Unit& unit : kUnits) {
    if (unit.name != name) continue;
    const auto amount = parse_amount(text.substr(0, unit_at), unit.bytes);
    if (!amount) return {std::nullopt, quoted(text) + " is not a usable number"};
    return {*amount, {}};
  }
  return {std::nullopt,
          "unknown unit " + quoted(name) + " in " + quoted(text) + ": " + std::string(kUnitNames)};
}

Parsed<std::optional<std::int64_t>> parse_rate(std::string_view text) {
  using Rate = std::optional<std::int64_t>;
  if (text == "full") return {std::optional<Rate>(std::in_place), {}};
  if (!text.ends_with("/s")) {
    return {std::nullopt, quoted(text) + " is no rate: say full, or for example 10MB/s"};
  }
  const auto bytes = parse_size(text.substr(0, text.size() - 2));
  if (!bytes.value) return {std::nullopt, bytes.error};
  if (*bytes.value == 0) {
    return {std::nullopt, "a rate must be above zero: for a guest that does nothing, idle"};
  }
  return {std::optional<Rate>(bytes.value), {}};
}

Parsed<std::int64_t> parse_duration_ms(std::string_view text) {
  const std::size_t unit_at = text.find_first_not_of("0123456789");
  const std::string_view name =
      unit_at == std::string_view::npos ? std::string_view() : text.substr(unit_at);
  for (const auto& [unit, unit_ms] : kTimes) {
    if (unit != name) continue;
    const auto number = parse_digits(text.substr(0, unit_at));
    if (!number || *number > kMostMs || *number * unit_ms < kLeastMs ||
        *number * unit_ms > kMostMs) {
      break;
    }
    return {*number * unit_ms, {}};
  }
  return {std::nullopt,
          quoted(text) + " is no time of a phase: whole ms, s or m, from 10ms to 60m"};
}

Parsed<std::int64_t> parse_whole(std::string_view text, std::int64_t least, std::int64_t most) {
  const auto number = parse_digits(text);
  if (number && *number >= least && *number <= most) return {*number, {}};
  return {std::nullopt, quoted(text) + " is not a number from " + std::to_string(least) + " to " +
                            std::to_string(most)};
}

Parsed<std::uint32_t> parse_ip(std::string_view text) {
  const auto parts = split(text, '.');
  std::uint32_t ip = 0;
  bool good = parts.size() == 4;
  for (const std::string_view part : parts) {
    const auto number = parse_whole(part, 0, 255);
    // a leading zero means octal to some, so it is refused
    good = good && number.value && (part.size() == 1 || part.front() != '0');
    if (good) ip = ip << 8 | static_cast<std::uint32_t>(*number.value);
  }
  if (good) return {ip, {}};
  return {std::nullopt, quoted(text) + " is no IPv4 address such as 10.77.0.1"};
}

std::string format_size(std::int64_t bytes) {
  const Unit* best = &kUnits.front();
  for (const Unit& unit : kUnits) {
    if (bytes != 0 && bytes % unit.bytes == 0 && unit.bytes > best->bytes) best = &unit;
  }
  return std::to_string(bytes / best->bytes) + std::string(best->name);
}

std::string format_duration_ms(std::int64_t ms) {
  return ms % 1000 == 0 ? std::to_string(ms / 1000) + "s" : std::to_string(ms) + "ms";
}

std::string format_ip(std::uint32_t ip) {
  std::string text;
  for (int shift = 24; shift >= 0; shift -= 8) {
    text += (text.empty() ? "" : ".") + std::to_string(ip >> shift & 255U);
  }
  return text;
}

}  // namespace godwit::guest
