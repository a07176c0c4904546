#include "godwit/hosts/time_until.h"

#include <fmt/format.h>

#include <charconv>
#include <ctime>
#include <optional>

#include "godwit/base/quantity.h"
#include "godwit/codec/codec.h"

namespace godwit::hosts {
namespace {

struct TimeOfDay {
  int hour = 0;
  int minute = 0;
};

std::optional<TimeOfDay> time_of_day(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos || colon == 0 || colon > 2 || text.size() != colon + 3) {
    return std::nullopt;
  }
  TimeOfDay time;
  const char* const middle = text.data() + colon;
  const char* const end = text.data() + text.size();
  const auto hour = std::from_chars(text.data(), middle, time.hour);
  const auto minute = std::from_chars(middle + 1, end, time.minute);
  const bool well = hour.ec == std::errc() && hour.ptr == middle && minute.ec == std::errc() &&
                    minute.ptr == end && time.hour < 24 && time.minute < 60 && time.hour >= 0 &&
                    time.minute >= 0;
  return well ? std::optional(time) : std::nullopt;
}

}  // namespace

Result<Seconds> time_until(std::string_view text, std::int64_t now_wall_us) {
  if (const auto time = time_of_day(text)) {
    const std::time_t now = static_cast<std::time_t>(now_wall_us / 1'000'000);
    std::tm local{};
    ::localtime_r(&now, &local);
    local.tm_hour = time->hour;
    local.tm_min = time->minute;
    local.tm_sec = 0;
    local.tm_isdst = -1;
    return Seconds(static_cast<double>(std::mktime(&local)) -
                   static_cast<double>(now_wall_us) * 1e-6);
  }
  if (const auto from_now = parse_duration(text)) return *from_now;
  // people write whole seconds
  if (const auto date = parse_iso8601(fmt::format("{}.000000Z", text.substr(0, text.find('Z'))));
      date && text.ends_with('Z')) {
    return Seconds(static_cast<double>(*date - now_wall_us) * 1e-6);
  }
  return fail(ErrorCode::kBadInput, fmt::format("'{}' is no time", text),
              "write it like 30m (from now), 22:30 (today), or 2026-11-27T22:30:00Z");
}

}  // namespace godwit::hosts
