#include "json_numbers.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

namespace godwit::learn {

Result<std::vector<double>> numbers_in(const Json& json, const char* key, std::size_t size) {
  const auto bad = [key](const char* what) {
    return fail(ErrorCode::kCorrupt, fmt::format("{} {}", key, what));
  };
  const auto found = json.is_object() ? json.find(key) : json.end();
  if (found == json.end() || !found->is_array()) return bad("is no list");
  std::vector<double> numbers;
  for (const Json& one : *found) {
    if (!one.is_number() || !std::isfinite(one.get<double>())) return bad("holds no numbers only");
    numbers.push_back(one.get<double>());
  }
  if (size > 0 && numbers.size() != size) return bad("is of another length than it should be");
  return numbers;
}

}  // namespace godwit::learn
