#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "godwit/steer/law.h"

namespace godwit::steer {

/// One pass of a migration, as counted at its two syncs.
struct Pass {
  Seconds window{};
  Bytes dirtied;  ///< in unique pages
};

/// Makes passes that last as long as each of some windows, one after the other, by the bandwidth:
/// a pass lasts as long as it takes to send what is dirty. Then gives up.
class RehearsalLaw final : public Law {
 public:
  /// `windows` ascend and are not empty. A slice of QEMU's sending is 100 ms, so that passes come
  /// out a slice longer or shorter.
  explicit RehearsalLaw(std::vector<Seconds> windows) : windows_(std::move(windows)) {}

  [[nodiscard]] std::string_view name() const override { return "rehearsal"; }
  Order after_round(const RoundView& view) override;
  Order at_look(const RoundView& view) override;
  [[nodiscard]] Seconds look_every() const override { return Seconds(0.01); }

  /// Every window is measured.
  [[nodiscard]] bool done() const { return next_ == windows_.size(); }
  [[nodiscard]] Ratio share_done() const;
  /// What was measured, in the order of time. The first pass, over all memory, counts where there
  /// is nothing better: its pages count from when their part of memory is first sent, not from its
  /// start, and the guest is disturbed most.
  [[nodiscard]] std::vector<Pass> measured() const;
  /// How long the first pass took. Absent where QEMU synced on before it was asked.
  [[nodiscard]] std::optional<Seconds> first_pass() const;
  /// Why not every window was measured, where this law gave up.
  [[nodiscard]] const std::string& ended_early() const { return ended_early_; }

 private:
  void take(const Pass& pass, std::int64_t syncs, Seconds now);
  [[nodiscard]] std::string why_end(const RoundView& view) const;
  Order rate_for(const RoundView& view);
  Order rate_for_new_pass(const RoundView& view);
  [[nodiscard]] double bytes_per_page(const MigrationStatus& status) const;

  std::vector<Seconds> windows_;
  std::size_t next_ = 0;  ///< window that the current pass shall fill
  std::vector<Pass> passes_;
  std::optional<Pass> first_;
  std::string ended_early_;

  bool at_full_speed_ = false;
  bool hurried_ = false;
  std::int64_t steered_pass_ = 1;
  PageCount sent_before_;  ///< when the current pass was steered
  Bytes transferred_before_;
  Seconds pass_began_{};
  Seconds last_success_{};
};

}  // namespace godwit::steer
