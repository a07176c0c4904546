#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "godwit/schedule/paths.h"
#include "godwit/schedule/transfer.h"

/// What becomes of a plan when it is carried out: rates under sharing, and so starts and ends.
/// Pure.

namespace godwit::schedule {

/// A move as it was planned: to start once others have ended, at no more than its rate.
struct OrderedMove {
  MemoryLoad load;
  Paths::Host from = 0;
  Paths::Host to = 0;
  BytesPerSecond planned;
  std::vector<std::size_t> after{};  ///< indices of moves that must have ended
};

struct TimeSpan {
  Seconds start{};
  Seconds end{};
  [[nodiscard]] Seconds length() const { return end - start; }
};

/// Rates by max-min fairness over the links that each path crosses, no move above its planned rate;
/// a host that sends much receives less (TransferModel::receives_while_sending), which in turn
/// slows whoever sends to it: solved as a fixed point at every start and end.
class Replay {
 public:
  /// `paths` and `model` outlive it. `names`: of the hosts, for what the model knows of each.
  Replay(const Paths& paths, const std::vector<std::string>& names, const TransferModel& model);

  /// One span for each move. One that waits for itself, or never ends, ends at infinity, as does
  /// all that waits for it.
  [[nodiscard]] std::vector<TimeSpan> run(std::span<const OrderedMove> moves) const;

 private:
  [[nodiscard]] std::vector<double> rates(std::span<const OrderedMove> moves,
                                          std::span<const std::size_t> running) const;
  [[nodiscard]] double may_receive(Paths::Host host, double sent) const;
  [[nodiscard]] double progress(const OrderedMove& move, double rate, bool with_others) const;

  const Paths& paths_;
  const TransferModel& model_;
  std::vector<double> receives_while_sending_;
};

}  // namespace godwit::schedule
