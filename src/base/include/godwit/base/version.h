#pragma once

#include <string>

namespace godwit {

/// Godwit's own, as "0.1.0".
[[nodiscard]] std::string version();

}  // namespace godwit
