#pragma once

#include <algorithm>
#include <optional>
#include <vector>

#include "godwit/steer/law.h"

namespace godwit::steer {

/// A migration as a law sees it, made by hand.
struct Seen {
  Seen() {
    session.launched = true;
    session.status.phase = MigrationPhase::kActive;
    session.status.total = 8_GiB;
    session.status.remaining = 4_GiB;
    session.status.transferred = Bytes();
  }
  [[nodiscard]] RoundView view() const {
    RoundView seen{plan,    session, Stage::kPrecopy, rounds,        passes,
                   elapsed, limits,  may_postcopy,    may_slow_down, quota};
    return seen;
  }
  /// A round of so long that sent and dirtied so much per second.
  void round(Seconds length, BytesPerSecond sent, BytesPerSecond dirtied) {
    RoundRecord one;
    one.number = static_cast<int>(rounds.size()) + 1;
    one.started = elapsed;
    one.duration = length;
    one.sent = sent * length;
    one.dirtied = dirtied * length;
    one.left = one.dirtied;
    if (vcpu_wants) one.vcpu_used = {std::min(*vcpu_wants, quota)};
    rounds.push_back(one);
    elapsed += length;
    ++passes;
    session.status.remaining = one.left;
  }
  /// Takes what was ordered as carried out.
  Order obey(Order order) {
    if (order.downtime_limit) limits.downtime_limit = order.downtime_limit;
    if (order.cpu_quota) quota = *order.cpu_quota;
    return order;
  }

  MigrationPlan plan;
  SessionView session;
  std::vector<RoundRecord> rounds;
  std::int64_t passes = 1;
  Seconds elapsed{};
  MigrationParameters limits;
  bool may_postcopy = false;
  bool may_slow_down = true;
  Ratio quota{1};
  std::optional<Ratio> vcpu_wants;  ///< of one CPU, by the only vCPU; absent: nobody counts
};

}  // namespace godwit::steer
