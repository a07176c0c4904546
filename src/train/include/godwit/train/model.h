#pragma once

#include <span>
#include <string>

#include "godwit/base/error.h"
#include "godwit/learn/learnt_model.h"
#include "godwit/learn/training_example.h"
#include "godwit/train/trainer.h"

namespace godwit::train {

/// Trains corrections of the twin for each technique and metric of which there are examples enough,
/// of two loads or more. `source`: of what data, for people. kBadInput: too few examples, or a
/// value that cannot be.
Result<learn::LearntModel> train_model(const Trainer& trainer,
                                       std::span<const learn::TrainingExample> examples,
                                       std::string source);

}  // namespace godwit::train
