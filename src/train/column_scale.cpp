#include "column_scale.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

#include "godwit/base/statistics.h"

namespace godwit::train {

void add_column(learn::ColumnScale& scale, const std::vector<double>& values) {
  constexpr double kLeastVariation = 1e-6;
  const Moments moments = moments_of(values);
  const bool varies = moments.deviation > kLeastVariation * (1 + std::abs(moments.mean));
  scale.mean.push_back(moments.mean);
  scale.deviation.push_back(varies ? moments.deviation : 1);
  double low = std::numeric_limits<double>::infinity();
  double high = -low;
  for (const double value : values) {
    if (std::isnan(value)) continue;
    low = std::min(low, value);
    high = std::max(high, value);
  }
  if (low > high) low = high = 0;  // never known
  scale.low.push_back(low);
  scale.high.push_back(high);
}

learn::ColumnScale scale_of(const LabelledRows& rows) {
  learn::ColumnScale scale;
  for (std::size_t k = 0; k < rows.features.size(); ++k) {
    std::vector<double> column;
    for (const auto& row : rows.rows) column.push_back(row[k]);
    add_column(scale, column);
  }
  return scale;
}

}  // namespace godwit::train
