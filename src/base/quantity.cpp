#include "godwit/base/quantity.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <span>

namespace godwit {
namespace {

struct Unit {
  std::string_view name;
  double factor;
};

constexpr std::array<Unit, 9> kSizeUnits{{{"B", 1},
                                          {"kB", 1e3},
                                          {"MB", 1e6},
                                          {"GB", 1e9},
                                          {"TB", 1e12},
                                          {"KiB", 1024.0},
                                          {"MiB", 1048576.0},
                                          {"GiB", 1073741824.0},
                                          {"TiB", 1099511627776.0}}};
constexpr std::array<Unit, 12> kRateUnits{{{"B/s", 1},
                                           {"kB/s", 1e3},
                                           {"MB/s", 1e6},
                                           {"GB/s", 1e9},
                                           {"KiB/s", 1024.0},
                                           {"MiB/s", 1048576.0},
                                           {"GiB/s", 1073741824.0},
                                           {"bit/s", 0.125},
                                           {"kbit/s", 125},
                                           {"Mbit/s", 125e3},
                                           {"Gbit/s", 125e6},
                                           {"Tbit/s", 125e9}}};
constexpr std::array<Unit, 6> kTimeUnits{
    {{"us", 1e-6}, {"ms", 1e-3}, {"s", 1}, {"m", 60}, {"min", 60}, {"h", 3600}}};

/// Number and unit → value in the base unit, or kBadInput.
Result<double> parse_with_unit(std::string_view text, std::span<const Unit> units,
                               std::string_view kind, std::string_view example) {
  const auto refuse = [&](std::string_view why) {
    return fail(ErrorCode::kBadInput, fmt::format("{} '{}' {}", kind, text, why),
                fmt::format("write it with its unit, for example {}", example));
  };
  double number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number, std::chars_format::fixed);
  if (error != std::errc()) return refuse("is no number with a unit");
  if (std::signbit(number)) return refuse("is negative");
  std::string_view unit(rest, static_cast<std::size_t>(end - rest));
  if (unit.starts_with(' ')) unit.remove_prefix(1);
  if (unit.empty()) return refuse("has no unit");
  for (const Unit& known : units) {
    if (unit == known.name) return number * known.factor;
  }
  return refuse(fmt::format("has the unknown unit '{}'", unit));
}

Result<double> bounded(Result<double> value, std::string_view kind, std::string_view text,
                       double at_most) {
  if (value && !(*value <= at_most)) {
    return fail(ErrorCode::kBadInput, fmt::format("{} '{}' is absurdly large", kind, text),
                "check the number and its unit");
  }
  return value;
}

}  // namespace

Result<Bytes> parse_bytes(std::string_view text) {
  GODWIT_TRY(const double value,
             bounded(parse_with_unit(text, kSizeUnits, "size", "512MiB"), "size", text, 0x1.0p60));
  return Bytes(detail::checked_round(value));
}

Result<BytesPerSecond> parse_rate(std::string_view text) {
  GODWIT_TRY(const double value,
             bounded(parse_with_unit(text, kRateUnits, "rate", "50MB/s or 400Mbit/s"), "rate", text,
                     1e12));
  if (value <= 0) {
    return fail(ErrorCode::kBadInput, fmt::format("rate '{}' is zero", text),
                "give a rate above zero, for example 50MB/s");
  }
  return BytesPerSecond(value);
}

Result<Seconds> parse_duration(std::string_view text) {
  GODWIT_TRY(const double value,
             bounded(parse_with_unit(text, kTimeUnits, "duration", "300ms or 8s"), "duration", text,
                     30.0 * 86400));
  return Seconds(value);
}

Result<Ratio> parse_percent(std::string_view text) {
  double percent = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, percent, std::chars_format::fixed);
  if (error != std::errc() || std::string_view(rest, static_cast<std::size_t>(end - rest)) != "%" ||
      !(percent >= 0 && percent <= 100)) {
    return fail(ErrorCode::kBadInput, fmt::format("'{}' is no share", text),
                "write it as a percentage from 0% to 100%, for example 10%");
  }
  return Ratio(percent / 100);
}

namespace {
/// Three significant digits for what is below a thousand.
std::string three_digits(double value) {
  const double size = std::abs(value);
  if (size >= 99.95) return fmt::format("{:.0f}", value);
  if (size >= 9.995) return fmt::format("{:.1f}", value);
  return fmt::format("{:.2f}", value);
}
}  // namespace

std::string human(Bytes size) {
  constexpr std::array<std::string_view, 5> kNames{"B", "KiB", "MiB", "GiB", "TiB"};
  double value = size.as_double();
  std::size_t unit = 0;
  while (std::abs(value) >= 1000 && unit + 1 < kNames.size()) {
    value /= 1024;
    ++unit;
  }
  if (unit == 0) return fmt::format("{} B", size.count());
  return fmt::format("{} {}", three_digits(value), kNames[unit]);
}

std::string human(BytesPerSecond rate) {
  constexpr std::array<std::string_view, 4> kNames{"B/s", "kB/s", "MB/s", "GB/s"};
  double value = rate.value();
  std::size_t unit = 0;
  while (std::abs(value) >= 999.5 && unit + 1 < kNames.size()) {
    value /= 1000;
    ++unit;
  }
  return fmt::format("{} {}", three_digits(value), kNames[unit]);
}

std::string human(Seconds time) {
  const double s = time.count();
  if (std::abs(s) < 0.9995) return fmt::format("{:.0f} ms", s * 1e3);
  if (std::abs(s) < 99.95) return fmt::format("{} s", three_digits(s));
  const auto whole = static_cast<std::int64_t>(std::llround(s));
  if (whole < 3600) return fmt::format("{} min {} s", whole / 60, whole % 60);
  return fmt::format("{} h {} min", whole / 3600, whole % 3600 / 60);
}

}  // namespace godwit
