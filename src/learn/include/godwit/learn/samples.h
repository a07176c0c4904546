#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "godwit/base/error.h"

namespace godwit::learn {

/// What an estimator learns from: rows of features, NaN where one is unknown, and what came of
/// each.
struct Samples {
  std::vector<std::string> features;
  std::vector<std::vector<double>> rows;  ///< each as wide as `features`
  std::vector<double> targets;
  /// What rows must not be divided between training and judging by: the load of each.
  std::vector<std::string> groups;

  [[nodiscard]] std::size_t size() const { return rows.size(); }
};

/// kBadInput: no rows, rows of different widths, a target or a feature that is infinite, a target
/// that is NaN.
Result<void> check(const Samples& samples);

/// Only these rows; only these columns, which must be there.
[[nodiscard]] Samples rows_of(const Samples& samples, const std::vector<std::size_t>& rows);
[[nodiscard]] Samples columns_of(const Samples& samples, const std::vector<std::string>& features);

/// Rows to learn from and to judge by.
struct Fold {
  std::vector<std::size_t> training;
  std::vector<std::size_t> judged;
};
/// Each group is judged in one of at most `count` folds; groups are dealt out by their size, so
/// that folds are about equal. One group only: no fold at all.
[[nodiscard]] std::vector<Fold> folds_of(const std::vector<std::string>& groups, std::size_t count);

}  // namespace godwit::learn
