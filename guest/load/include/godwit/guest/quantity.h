// Numbers with their units, as a load spec holds them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace godwit::guest {

// A value, or what is wrong with the text, without saying whose text it was.
template <class T>
struct Parsed {
  std::optional<T> value;
  std::string error;
};

// "64MiB", "1.5kB", "0B"; bytes, rounded down. A bare number is refused.
[[nodiscard]] Parsed<std::int64_t> parse_size(std::string_view text);
// "10MB/s", above zero; empty inside: "full".
[[nodiscard]] Parsed<std::optional<std::int64_t>> parse_rate(std::string_view text);
// "500ms", "2s", "1m": whole milliseconds from 10 ms to 1 h.
[[nodiscard]] Parsed<std::int64_t> parse_duration_ms(std::string_view text);
// Digits only, within the bounds.
[[nodiscard]] Parsed<std::int64_t> parse_whole(std::string_view text, std::int64_t least,
                                               std::int64_t most);
// "10.77.0.1", four plain decimal numbers.
[[nodiscard]] Parsed<std::uint32_t> parse_ip(std::string_view text);

// In the largest unit that leaves a whole number, so that parsing gives the same bytes.
[[nodiscard]] std::string format_size(std::int64_t bytes);
[[nodiscard]] std::string format_duration_ms(std::int64_t ms);
[[nodiscard]] std::string format_ip(std::uint32_t ip);

// Parts between separators; one part (the text) when there is none.
[[nodiscard]] std::vector<std::string_view> split(std::string_view text, char separator);
[[nodiscard]] std::string quoted(std::string_view text);

}  // namespace godwit::guest
