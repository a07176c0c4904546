#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "godwit/base/error.h"
#include "godwit/steer/law.h"

namespace godwit::steer {

/// As a user may name it.
struct LawName {
  std::string_view name;
  std::string_view what;  ///< in a few words
};
[[nodiscard]] std::vector<LawName> law_names();

/// A fresh law; kBadInput for a name that none has.
Result<std::unique_ptr<Law>> law_by_name(std::string_view name);

}  // namespace godwit::steer
