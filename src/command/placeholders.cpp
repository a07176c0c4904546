#include "placeholders.h"

#include <fmt/format.h>

#include <optional>

namespace godwit::command {
namespace {

constexpr std::string_view kSource = "source";
constexpr std::string_view kDestination = "destination";

/// One step through a text: a character, or a hole with its name.
struct Piece {
  std::size_t length = 1;
  char character = 0;
  bool literal_brace = false;
  std::optional<std::string_view> hole{};
};

/// Nothing for a brace that means nothing.
std::optional<Piece> piece_at(std::string_view text, std::size_t at) {
  const char c = text[at];
  if (c != '{' && c != '}') return Piece{1, c};
  if (at + 1 < text.size() && text[at + 1] == c) return Piece{2, c, true};
  if (c == '}') return std::nullopt;
  const std::size_t close = text.find_first_of("{}", at + 1);
  if (close == std::string_view::npos || text[close] != '}') return std::nullopt;
  return Piece{close - at + 1, c, false, text.substr(at + 1, close - at - 1)};
}

/// "source_uri" with "source" → "_uri"; nothing when the name is of another side.
std::optional<std::string_view> after_side(std::string_view name, std::string_view side) {
  if (!name.starts_with(side)) return std::nullopt;
  name.remove_prefix(side.size());
  return name.empty() || name.front() == '_' ? std::optional(name) : std::nullopt;
}

}  // namespace

Result<std::set<std::string>> holes_in(std::string_view text) {
  std::set<std::string> names;
  for (std::size_t at = 0; at < text.size();) {
    const auto piece = piece_at(text, at);
    if (!piece) {
      return fail(ErrorCode::kBadInput, "a brace that is no placeholder's",
                  "write {name}, or {{ and }} for braces themselves");
    }
    if (piece->hole) names.emplace(*piece->hole);
    at += piece->length;
  }
  return names;
}

std::string fill(std::string_view text, const Values& values,
                 std::string (*quote)(std::string_view)) {
  std::string filled;
  for (std::size_t at = 0; at < text.size();) {
    const auto piece = piece_at(text, at);
    if (!piece) break;  // not after holes_in()
    if (piece->hole) {
      filled += quote(values.at(std::string(*piece->hole)));
    } else if (piece->literal_brace) {
      filled += quote(std::string_view(&piece->character, 1));
    } else {
      filled += piece->character;
    }
    at += piece->length;
  }
  return filled;
}

std::string unquoted(std::string_view value) {
  return std::string(value);
}

std::string quoted_for_regex(std::string_view value) {
  std::string quoted;
  for (const char c : value) {
    if (std::string_view(R"(.[]\*^$()+?{}|)").find(c) != std::string_view::npos) quoted += '\\';
    quoted += c;
  }
  return quoted;
}

std::string fellow_of(std::string_view name) {
  if (const auto rest = after_side(name, kSource)) return fmt::format("{}{}", kDestination, *rest);
  if (const auto rest = after_side(name, kDestination)) return fmt::format("{}{}", kSource, *rest);
  return {};
}

Values seen_from(const Values& values, bool from_source) {
  Values seen = values;
  for (const auto& [name, value] : values) {
    if (const auto rest = after_side(name, kSource)) {
      seen[fmt::format("{}{}", from_source ? "here" : "there", *rest)] = value;
    }
    if (const auto rest = after_side(name, kDestination)) {
      seen[fmt::format("{}{}", from_source ? "there" : "here", *rest)] = value;
    }
  }
  return seen;
}

Values swapped(const Values& values) {
  Values swapped;
  for (const auto& [name, value] : values) {
    const std::string fellow = fellow_of(name);
    swapped[fellow.empty() ? name : fellow] = value;
  }
  return swapped;
}

}  // namespace godwit::command
