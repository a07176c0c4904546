#pragma once

#include <vector>

#include "godwit/learn/support_vectors.h"
#include "godwit/train/labelled_rows.h"

namespace godwit::train {

/// Of each column of features.
[[nodiscard]] learn::ColumnScale scale_of(const LabelledRows& rows);
/// A column that never varies keeps a deviation of 1.
void add_column(learn::ColumnScale& scale, const std::vector<double>& values);

}  // namespace godwit::train
