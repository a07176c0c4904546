#pragma once

#include "godwit/learn/estimator.h"

/// How each kind of estimator reads what it wrote.

namespace godwit::learn {

inline constexpr const char* kSvrKind = "svr";
inline constexpr const char* kBoostingKind = "boosting";

Result<std::unique_ptr<Estimator>> svr_from_json(const Json& json);
Result<std::unique_ptr<Estimator>> boosting_from_json(const Json& json);

/// Finite numbers; `size` of them unless it is 0. kCorrupt otherwise.
Result<std::vector<double>> numbers_in(const Json& json, const char* key, std::size_t size = 0);

}  // namespace godwit::learn
