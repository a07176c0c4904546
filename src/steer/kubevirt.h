#pragma once

#include <deque>
#include <optional>
#include <string_view>

#include "godwit/steer/law.h"

namespace godwit::steer {

/// KubeVirt (pkg/virt-launcher, live-migration-source.go; defaults of its API): after 150 s per GiB
/// post-copy if it is allowed, else the longest limit where the intent sets none, else the end.
/// Without progress for 150 s the end.
class KubevirtLegacy final : public Law {
 public:
  [[nodiscard]] std::string_view name() const override { return "kubevirt-legacy"; }
  Order at_look(const RoundView& view) override;

 private:
  Bytes least_left_;
  Seconds progress_at_{};
  bool acted_ = false;
};

/// KubeVirt's stall detector (2025): looks each 400 ms; bandwidth is an EWMA with weight 0.4; what
/// is left is kept at round boundaries. Stalled: at least 0.96 of the least of records older than
/// 40 s. It then acts when what is left is at most 1.04 of the best, a margin that is relaxed every
/// 40 s: post-copy where allowed; else the longest limit where the intent sets none; else, where
/// the estimate (left over bandwidth) fits 900 ms, or 1.5 times that, a limit of 900 ms and a
/// minute to switch over; else the end.
class KubevirtStall final : public Law {
 public:
  [[nodiscard]] std::string_view name() const override { return "kubevirt-stall"; }
  Order after_round(const RoundView& view) override;
  Order at_look(const RoundView& view) override;
  [[nodiscard]] Seconds look_every() const override { return Seconds(0.05); }

 private:
  struct Record {
    Seconds when{};
    Bytes left;
  };
  void measure(const RoundView& view);
  [[nodiscard]] bool stalled(Seconds now) const;
  [[nodiscard]] bool at_a_low(const RoundView& view) const;
  Order act(const RoundView& view);

  std::deque<Record> records_;
  std::optional<double> bandwidth_;  ///< bytes per second
  Bytes sent_before_;
  Seconds measured_at_{};
  std::optional<Seconds> stalled_at_;
  std::optional<Seconds> must_switch_by_;
  bool ended_ = false;
};

}  // namespace godwit::steer
