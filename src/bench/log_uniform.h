#pragma once

#include <cmath>

#include "godwit/base/rng.h"

namespace godwit::bench {

/// Each factor of two as likely as any other.
[[nodiscard]] inline double log_uniform(Rng& rng, double least, double most) {
  return least * std::pow(most / least, rng.uniform());
}

}  // namespace godwit::bench
