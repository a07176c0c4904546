#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "godwit/base/error.h"

namespace godwit::train {

/// Rows of features, each with the value (label) that an estimator is to predict from it.
struct LabelledRows {
  std::vector<std::string> features;
  std::vector<std::vector<double>> rows;  ///< each as wide as `features`; NaN where unknown
  std::vector<double> labels;
  /// Rows of one group are never divided between training and test: the load of each.
  std::vector<std::string> groups;

  [[nodiscard]] std::size_t size() const { return rows.size(); }
};

/// kBadInput: no rows, rows of different widths, a label or a feature that is infinite, a label
/// that is NaN.
Result<void> check(const LabelledRows& labelled);

/// Only these rows; only these columns, which must be there.
[[nodiscard]] LabelledRows rows_of(const LabelledRows& labelled,
                                   const std::vector<std::size_t>& rows);
[[nodiscard]] LabelledRows columns_of(const LabelledRows& labelled,
                                      const std::vector<std::string>& features);

/// Rows to train on and rows to test with.
struct Fold {
  std::vector<std::size_t> training;
  std::vector<std::size_t> test;
};
/// For cross-validation: each group is tested in one of at most `count` folds; groups are dealt out
/// by their size, so that folds are about equal. One group only: no fold at all.
[[nodiscard]] std::vector<Fold> folds_of(const std::vector<std::string>& groups, std::size_t count);

}  // namespace godwit::train
