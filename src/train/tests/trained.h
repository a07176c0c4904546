#pragma once

#include "godwit/train/trainer.h"

namespace godwit::train {

/// The libraries are there where tests are built.
inline const Trainer& trainer() {
  static const auto loaded = Trainer::load();
  return loaded.value();
}

}  // namespace godwit::train
