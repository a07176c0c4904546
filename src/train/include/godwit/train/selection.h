#pragma once

#include <string>
#include <vector>

#include "godwit/base/error.h"
#include "godwit/train/labelled_rows.h"
#include "godwit/train/trainer.h"

/// Model selection by cross-validation: on groups that were not trained on.

namespace godwit::train {

/// The options of a small grid with the least error; the default where all rows are of one group.
Result<SvrOptions> best_svr_options(const Trainer& trainer, const LabelledRows& rows);

/// The features that an SVR does best with (recursive elimination with cross-validation, RFECV):
/// those that a ridge regression gives the least weight are left out, a fifth at a time, as long as
/// the error does not rise.
Result<std::vector<std::string>> eliminate_features(const Trainer& trainer,
                                                    const LabelledRows& rows);

}  // namespace godwit::train
