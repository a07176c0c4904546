#include "godwit/base/json.h"

#include <fmt/format.h>
#include <array>

#include <nlohmann/json.hpp>

namespace godwit {
namespace {

/// Deeper than any value of ours; a parser's stack must not be the peer's to exhaust.
constexpr int kMostNesting = 64;
/// More than any value of ours or QEMU's has. An ordered object looks each new key up among all
/// others, so that without a bound a peer could keep us busy for minutes with a megabyte.
constexpr int kMostMembers = 1024;

}  // namespace

Result<Json> parse_json(std::string_view text) {
  bool too_deep = false;
  bool too_wide = false;
  std::array<int, kMostNesting + 2> members{};  // of the object that is open at each level
  const auto bounded = [&](int level, Json::parse_event_t event, const Json&) {
    too_deep = too_deep || level > kMostNesting;
    if (too_deep || too_wide) return false;
    const auto at = static_cast<std::size_t>(level);
    if (event == Json::parse_event_t::object_start) members[at + 1] = 0;
    if (event == Json::parse_event_t::key) too_wide = ++members[at] > kMostMembers;
    return !too_wide;
  };
  try {
    Json json = Json::parse(text, bounded);
    if (too_deep) return fail(ErrorCode::kCorrupt, "the JSON is nested too deeply");
    if (too_wide) return fail(ErrorCode::kCorrupt, "the JSON has an object with too many members");
    return json;
  } catch (const Json::exception& e) {
    return fail(ErrorCode::kCorrupt, fmt::format("not valid JSON: {}", e.what()));
  }
}

std::string json_text(const Json& json, int indent) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

}  // namespace godwit
