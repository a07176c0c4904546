#include "foresight.h"

#include <algorithm>

namespace godwit::control {

void Foresight::look(const steer::RoundView& view, std::size_t orders) {
  const bool event =
      view.rounds.size() != after_.size() || orders != orders_ || view.stage != stage_;
  now_ = forecaster_.look(view, event);
  after_.resize(view.rounds.size(), now_);
  orders_ = orders;
  stage_ = view.stage;
}

void Foresight::put_into(std::vector<RoundRecord>& rounds) const {
  for (std::size_t i = 0; i < std::min(rounds.size(), after_.size()); ++i) {
    rounds[i].then = after_[i];
  }
}

}  // namespace godwit::control
