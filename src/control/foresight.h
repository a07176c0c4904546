#pragma once

#include <cstddef>
#include <vector>

#include "godwit/steer/end_forecaster.h"
#include "monitor.h"

namespace godwit::control {

/// Foresees the end of what a monitor watches, and keeps what was foreseen after each round.
class Foresight {
 public:
  explicit Foresight(const steer::Known& known) : forecaster_(known) {}

  /// To be called after each look, when what it led to was ordered; `orders` were carried out so
  /// far.
  void look(const steer::RoundView& view, std::size_t orders);
  [[nodiscard]] const EndForecast& now() const { return now_; }
  /// Into the rounds that were seen.
  void put_into(std::vector<RoundRecord>& rounds) const;

 private:
  steer::EndForecaster forecaster_;
  EndForecast now_;
  std::vector<EndForecast> after_;  ///< each round
  steer::Stage stage_ = steer::Stage::kUnknown;
  std::size_t orders_ = 0;
};

}  // namespace godwit::control
