#include "godwit/base/ip_address.h"

#include <algorithm>
#include <charconv>

#include "godwit/base/split.h"

namespace godwit {
namespace {

/// The whole text as a number of at most `digits` digits.
std::optional<unsigned> number(std::string_view text, int base, std::size_t digits, unsigned most) {
  unsigned value = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, value, base);
  if (error != std::errc() || rest != end || text.size() > digits || value > most) return {};
  return value;
}

std::optional<IpAddress> parse_v4(std::string_view text) {
  const auto parts = split(text, '.');
  if (parts.size() != 4) return std::nullopt;
  IpAddress address;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const auto value = number(parts[i], 10, 3, 255);
    if (!value) return std::nullopt;
    address.bytes[i] = static_cast<std::uint8_t>(*value);
  }
  return address;
}

/// Groups of 16 bits as bytes; the last one may be an IPv4 address. An empty text has no groups.
std::optional<std::vector<std::uint8_t>> groups(std::string_view text) {
  std::vector<std::uint8_t> bytes;
  if (text.empty()) return bytes;
  const auto parts = split(text, ':');
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (const auto v4 = i + 1 == parts.size() ? parse_v4(parts[i]) : std::nullopt) {
      bytes.insert(bytes.end(), v4->bytes.begin(), v4->bytes.begin() + 4);
    } else if (const auto value = number(parts[i], 16, 4, 0xffff)) {
      bytes.push_back(static_cast<std::uint8_t>(*value >> 8));
      bytes.push_back(static_cast<std::uint8_t>(*value & 0xff));
    } else {
      return std::nullopt;
    }
  }
  return bytes;
}

std::optional<IpAddress> parse_v6(std::string_view text) {
  if (const std::size_t zone = text.find('%'); zone != std::string_view::npos) {
    if (zone + 1 == text.size()) return std::nullopt;
    text = text.substr(0, zone);
  }
  const std::size_t gap = text.find("::");
  const bool short_form = gap != std::string_view::npos;
  const auto before = groups(text.substr(0, gap));
  const auto after = groups(short_form ? text.substr(gap + 2) : std::string_view());
  if (!before || !after) return std::nullopt;
  const std::size_t given = before->size() + after->size();
  if (short_form ? given > 14 : given != 16) return std::nullopt;
  IpAddress address;
  address.v6 = true;
  std::copy(before->begin(), before->end(), address.bytes.begin());
  std::copy(after->begin(), after->end(),
            address.bytes.end() - static_cast<std::ptrdiff_t>(after->size()));
  return address;
}

}  // namespace

std::optional<IpAddress> parse_ip(std::string_view text) {
  return text.find(':') == std::string_view::npos ? parse_v4(text) : parse_v6(text);
}

}  // namespace godwit
