#pragma once

#include <memory>
#include <optional>

#include "godwit/domain/prediction.h"
#include "godwit/steer/law.h"
#include "godwit/steer/laws.h"

namespace godwit::steer {

/// Foresees the end of a migration while it runs: when it is over, and whether it keeps the intent.
/// Until the first round has ended that is what was predicted, at the pace that is seen, or where
/// nothing was, what is left at the pace of the last 2 s in which more than zeros went, and what
/// usually follows a first pass. After it, the twin runs on from there (twin/outlook.h), corrected
/// by the rounds, or where nobody observed the guest, with each way of writing that the rounds
/// leave possible (seen_guest.h), as often as it is likely. The end is that of the ways that end,
/// where at least half of them do; how many do, within the intent, is said apart.
///
/// What it says stays as it is until an event (a round, an order, another phase) gives a reason to
/// change it; between two events it only glides, by 2 % of the whole time per second at most, in a
/// first round that nobody predicted by 9 %. It decides from what it is shown; it knows no clock.
class EndForecaster {
 public:
  /// All of `known` may be absent. What it points to outlives this.
  explicit EndForecaster(const Known& known);
  ~EndForecaster();
  EndForecaster(const EndForecaster&) = delete;
  EndForecaster& operator=(const EndForecaster&) = delete;

  /// By what is seen now. `event`: something happened since the last look that changes what is to
  /// be expected. Without `plan.max_time` what would take more than an hour does not end.
  EndForecast look(const RoundView& view, bool event);

 private:
  class Foresight;
  std::unique_ptr<Foresight> foresight_;
};

}  // namespace godwit::steer
