#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "godwit/domain/outcome.h"
#include "godwit/domain/session.h"

namespace godwit::control {

/// Cuts the telemetry of one migration into rounds at dirty-bitmap syncs. What was sent is taken as
/// differences of one cumulative counter, so the rounds' bytes always add up to the total.
class RoundTracker {
 public:
  /// Memory's turn came at `wall_us`. Only the first call counts.
  void begin(std::int64_t wall_us);
  /// The first sync opens round 1, each later one closes a round. A migration that is joined in a
  /// later pass is told of from there on; what was dirtied in that pass is not known.
  void on_pass(const PassSync& sync);
  /// The migration ended: closes the last round (switchover, or post-copy's rest).
  void finish(std::int64_t wall_us, const MigrationStatus& last);

  [[nodiscard]] const std::vector<RoundRecord>& rounds() const { return rounds_; }
  [[nodiscard]] int current() const { return joined_in_ + static_cast<int>(rounds_.size()); }
  /// Number of the newest sync.
  [[nodiscard]] std::int64_t passes() const { return last_pass_; }

 private:
  /// What is known for certain right after a sync.
  struct Mark {
    std::int64_t pass = 0;
    /// All that was ever to be sent: what was sent and what remains. It only grows at syncs, by
    /// what was found dirty, so it doesn't matter how far the pass got when QEMU was asked.
    Bytes ever_dirty;
  };
  static std::optional<Mark> mark_of(const PassSync& sync);
  void join(const PassSync& seen);
  void close(std::int64_t wall_us, const MigrationStatus& status);

  std::optional<std::int64_t> begin_us_;
  std::int64_t round_start_us_ = 0;
  std::int64_t last_pass_ = 0;
  int joined_in_ = 1;  ///< number of the first round that is told of
  Bytes sent_before_;
  std::optional<Mark> mark_;
  std::optional<VcpuCount> vcpus_;  ///< at the newest sync
  std::vector<RoundRecord> rounds_;
};

}  // namespace godwit::control
