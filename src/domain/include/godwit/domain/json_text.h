#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace godwit {

/// JSON as text: on one line, or with members indented by so many columns. Bytes that are no UTF-8
/// are replaced. (A module that calls dump() instead compiles the whole serializer once more.)
[[nodiscard]] std::string json_text(const nlohmann::ordered_json& json, int indent = -1);

}  // namespace godwit
