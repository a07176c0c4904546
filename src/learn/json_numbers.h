#pragma once

#include <cstddef>
#include <vector>

#include "godwit/base/error.h"
#include "godwit/base/json.h"

namespace godwit::learn {

/// Finite numbers; `size` of them unless it is 0. kCorrupt otherwise.
Result<std::vector<double>> numbers_in(const Json& json, const char* key, std::size_t size = 0);

}  // namespace godwit::learn
