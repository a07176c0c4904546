#pragma once

#include <functional>

#include "godwit/model/zhang.h"

/// Searches for what to pre-copy of memory (M) and of storage (S), over whatever says how good a
/// choice is: Zhang's closed form, or a simulation. Higher is better. To a hundredth.

namespace godwit::model {

using GoodnessOfStorage = std::function<double(double s)>;
using GoodnessOfShares = std::function<double(double m, double s)>;

/// The talk's: S by ternary search as if memory were there by magic, then M with that S.
[[nodiscard]] ZhangChoice their_shares(const GoodnessOfStorage& storage_only,
                                       const GoodnessOfShares& both);

/// What may be chosen; the other stays as it is in the beginning.
struct FreeShares {
  bool memory = true;
  bool storage = true;
};

/// Ours: there may be more than one summit, so the highest point of a grid of 17 by 17, or `begin`,
/// is where a search for the top begins.
[[nodiscard]] ZhangChoice best_shares(const GoodnessOfShares& goodness, const ZhangChoice& begin,
                                      const FreeShares& free = {});

}  // namespace godwit::model
