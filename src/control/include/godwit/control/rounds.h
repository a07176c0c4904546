#pragma once

#include <cstdint>
#include <vector>

#include "godwit/domain/hypervisor.h"
#include "godwit/domain/outcome.h"

namespace godwit::control {

/// Cuts the telemetry of one migration into rounds at dirty-bitmap syncs. What was sent is taken as
/// differences of one cumulative counter, so the rounds' bytes always add up to the total.
class RoundTracker {
 public:
  /// `migrate` was accepted.
  void begin(std::int64_t wall_us);
  /// Sync number `pass` happened at `wall_us`; `status` was asked for just after it. The first sync
  /// opens round 1, each later one closes a round.
  void on_pass(std::int64_t pass, std::int64_t wall_us, const MigrationStatus& status);
  /// The migration ended: closes the last round (switchover, or post-copy's rest).
  void finish(std::int64_t wall_us, const MigrationStatus& last);

  [[nodiscard]] const std::vector<RoundRecord>& rounds() const { return rounds_; }
  [[nodiscard]] int current() const { return static_cast<int>(rounds_.size()) + 1; }

 private:
  void close(std::int64_t wall_us, const MigrationStatus& status);

  std::int64_t begin_us_ = 0;
  std::int64_t round_start_us_ = 0;
  std::int64_t last_pass_ = 0;
  Bytes sent_before_;
  std::vector<RoundRecord> rounds_;
};

}  // namespace godwit::control
