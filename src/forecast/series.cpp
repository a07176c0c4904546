#include "series.h"

#include <cmath>
#include <numeric>

namespace godwit::forecast {

double mean_of(std::span<const double> values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

Result<void> check_samples(std::span<const double> samples, std::size_t count) {
  if (count == 0 || count > samples.size()) {
    return fail(ErrorCode::kBadInput,
                "a forecast needs at least one sample, and as many as it uses",
                "observe the guest for longer");
  }
  for (const double sample : samples) {
    if (!(sample >= 0 && std::isfinite(sample))) {
      return fail(ErrorCode::kBadInput, "a series to forecast holds a value that is no rate",
                  "take the profile again");
    }
  }
  return {};
}

Result<void> check_horizon(std::size_t horizon) {
  if (horizon > 0) return {};
  return fail(ErrorCode::kBadInput, "a forecast of no interval at all", "ask for at least one");
}

}  // namespace godwit::forecast
