#pragma once

#include <cstddef>
#include <optional>
#include <span>

#include "godwit/domain/outcome.h"

namespace godwit::learn {

/// Recent predictions of total time that did not hold as often as they should.
struct Drift {
  std::size_t migrations = 0;  ///< that were looked at
  std::size_t held = 0;        ///< of them, within their 90 % interval
  double bias = 0;             ///< median of actual over predicted, less 1
};

/// Of the newest completed migrations that had been predicted, 20 at most: so few held that, were
/// the intervals right, it would happen once in a hundred times. Then hosts, network or guests are
/// no longer what was learnt of them. Nothing where all is well, or too few migrations say
/// anything. `newest_first`: as an OutcomeStore gives them. Pure.
[[nodiscard]] std::optional<Drift> drift_of(std::span<const OutcomeRecord> newest_first);

}  // namespace godwit::learn
