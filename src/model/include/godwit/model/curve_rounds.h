#pragma once

#include "godwit/base/units.h"
#include "godwit/model/dirty_curve.h"

/// The predictor that A. Gudkov proposed for QEMU ("migration/calc-dirty-rate: tool to predict
/// migration time", qemu-devel, 2023): whole rounds over a measured dirty curve. The most accurate
/// one published for QEMU; a baseline for the twin, which differs in switching over within a round,
/// in what waits to be sent again, and in all but plain pre-copy.

namespace godwit::model {

struct CurveRounds {
  bool converges = false;
  int rounds = 0;  ///< the last one with the guest stopped
  Seconds total{};
  Seconds downtime{};
  Bytes sent;
};

/// `data`: pages that are not zero. A round sends what the round before left dirty; when that takes
/// no longer than `downtime_limit`, it is the last. Not converging: a round leaves as much as it
/// sent, or `max_time` passes. `rate` more than 0.
[[nodiscard]] CurveRounds curve_rounds(const Growth& curve, Bytes data, BytesPerSecond rate,
                                       Seconds downtime_limit, Seconds max_time);

}  // namespace godwit::model
