#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "godwit/base/error.h"

namespace godwit {

/// Members keep the order in which they were written.
using Json = nlohmann::ordered_json;

/// Parses text into JSON: kCorrupt with the position where it is torn. Nesting and the
/// number of an object's members are bounded.
Result<Json> parse_json(std::string_view text);

/// JSON as text: on one line, or with members indented by so many columns. Bytes that are no UTF-8
/// are replaced. (A module that calls dump() instead compiles the whole serializer once more.)
[[nodiscard]] std::string json_text(const Json& json, int indent = -1);

}  // namespace godwit
