#include "godwit/train/selection.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <memory>

#include "column_scale.h"

namespace godwit::train {
namespace {

/// Root of the mean squared error on groups that were not trained on.
Result<double> test_error(const Trainer& trainer, const LabelledRows& rows,
                          const SvrOptions& options) {
  constexpr std::size_t kSearchFolds = 4;
  double squares = 0;
  std::size_t n = 0;
  for (const Fold& fold : folds_of(rows.groups, kSearchFolds)) {
    GODWIT_TRY(const auto svr, trainer.svr(rows_of(rows, fold.training), options));
    for (const std::size_t row : fold.test) {
      const double error = svr->predict(rows.rows[row]) - rows.labels[row];
      squares += error * error;
      ++n;
    }
  }
  return n > 0 ? std::sqrt(squares / static_cast<double>(n))
               : std::numeric_limits<double>::infinity();
}

/// Weights of a linear model with a penalty on their squares (ridge regression), by Gauss-Seidel:
/// the features are few and scaled.
std::vector<double> ridge_weights(const LabelledRows& rows) {
  constexpr double kPenalty = 0.1;  // of the number of rows
  constexpr int kSweeps = 100;
  const learn::ColumnScale scale = scale_of(rows);
  learn::ColumnScale target;
  add_column(target, rows.labels);
  const std::size_t width = rows.features.size();
  std::vector<double> residual;
  for (const double y : rows.labels) residual.push_back(target.scaled(0, y));
  std::vector<double> weights(width, 0);
  const double penalty = kPenalty * static_cast<double>(rows.size());
  for (int sweep = 0; sweep < kSweeps; ++sweep) {
    for (std::size_t k = 0; k < width; ++k) {
      double along = 0;
      double squares = penalty;
      for (std::size_t i = 0; i < rows.size(); ++i) {
        const double x = scale.scaled(k, rows.rows[i][k]);
        along += x * (residual[i] + weights[k] * x);
        squares += x * x;
      }
      const double next = along / squares;
      for (std::size_t i = 0; i < rows.size(); ++i) {
        residual[i] -= (next - weights[k]) * scale.scaled(k, rows.rows[i][k]);
      }
      weights[k] = next;
    }
  }
  return weights;
}

/// Without the fifth (at least one) of the features that weigh least.
std::vector<std::string> without_the_lightest(const LabelledRows& rows) {
  const std::vector<double> weights = ridge_weights(rows);
  std::vector<std::size_t> order(weights.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return std::abs(weights[a]) > std::abs(weights[b]);
  });
  const std::size_t gone = std::max<std::size_t>(1, order.size() / 5);
  order.resize(order.size() - gone);
  std::sort(order.begin(), order.end());
  std::vector<std::string> kept;
  for (const std::size_t k : order) kept.push_back(rows.features[k]);
  return kept;
}

}  // namespace

Result<SvrOptions> best_svr_options(const Trainer& trainer, const LabelledRows& rows) {
  SvrOptions best;
  double least = std::numeric_limits<double>::infinity();
  for (const double c : {1.0, 10.0, 100.0}) {
    for (const double gamma : {0.03, 0.1, 0.3, 1.0}) {
      const SvrOptions options{c, gamma, SvrOptions{}.epsilon};
      GODWIT_TRY(const double error, test_error(trainer, rows, options));
      if (error < least) {
        least = error;
        best = options;
      }
    }
  }
  return best;
}

Result<std::vector<std::string>> eliminate_features(const Trainer& trainer,
                                                    const LabelledRows& rows) {
  std::vector<std::string> best = rows.features;
  GODWIT_TRY(double least, test_error(trainer, rows, {}));
  if (!std::isfinite(least)) return best;  // one group alone tells nothing
  LabelledRows some = rows;
  while (some.features.size() > 1) {
    some = columns_of(some, without_the_lightest(some));
    GODWIT_TRY(const double error, test_error(trainer, some, {}));
    if (error > least) continue;
    least = error;
    best = some.features;
  }
  return best;
}

}  // namespace godwit::train
