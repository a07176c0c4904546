#include "godwit/base/rng.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>
#include <unordered_set>

#include "godwit/base/contract.h"

namespace godwit {

double Rng::normal() {
  const double u = 1 - uniform();
  return std::sqrt(-2 * std::log(u)) * std::cos(2 * std::numbers::pi * uniform());
}

std::int64_t Rng::below(std::int64_t bound) {
  if (bound <= 0) contract_failure("Rng::below needs a positive bound");
  const auto range = static_cast<std::uint64_t>(bound);
  const std::uint64_t limit = std::numeric_limits<std::uint64_t>::max() / range * range;
  std::uint64_t draw = next();
  while (draw >= limit) draw = next();
  return static_cast<std::int64_t>(draw % range);
}

std::vector<std::int64_t> Rng::sample(std::int64_t bound, std::int64_t count) {
  if (count < 0 || count > bound) contract_failure("Rng::sample needs 0 <= count <= bound");
  if (count == bound) {
    std::vector<std::int64_t> all(static_cast<std::size_t>(bound));
    std::iota(all.begin(), all.end(), 0);
    return all;
  }
  std::unordered_set<std::int64_t> chosen;
  chosen.reserve(static_cast<std::size_t>(count));
  for (std::int64_t top = bound - count; top < bound; ++top) {
    const std::int64_t draw = below(top + 1);
    if (!chosen.insert(draw).second) chosen.insert(top);
  }
  std::vector<std::int64_t> sorted(chosen.begin(), chosen.end());
  std::sort(sorted.begin(), sorted.end());
  return sorted;
}

}  // namespace godwit
