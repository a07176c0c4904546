#pragma once

#include <string_view>

#include "godwit/steer/law.h"

/// Laws that slow the guest's vCPUs down.

namespace godwit::steer {

/// Jin et al., Algorithm 1: after each round the share e of its time that a vCPU keeps becomes
/// C · B · e / p, with the bandwidth B and the dirty rate p of that round, at least 20 % and at
/// most all. Verbatim: e is the share that was allotted, used or not. C: section 5.3's, unless
/// given.
class Jin final : public Law {
 public:
  explicit Jin(double c = 0.8) : c_(c) {}
  [[nodiscard]] std::string_view name() const override { return "jin"; }
  Order after_round(const RoundView& view) override;

 private:
  double c_;
};

/// Ramanathan et al. on VMware's "stun during page send": vCPUs are slowed until the guest dirties
/// less than is sent.
class Sdps final : public Law {
 public:
  [[nodiscard]] std::string_view name() const override { return "sdps"; }
  Order after_round(const RoundView& view) override;
};

/// QEMU's own auto-converge: the capability does it.
class AutoConverge final : public Law {
 public:
  [[nodiscard]] std::string_view name() const override { return "auto-converge"; }
  void shape(MigrationPlan& plan) const override {
    if (plan.technique.ending == Ending::kConverged) {
      plan.technique.throttle = Throttle::kAutoConverge;
    }
  }
};

/// Cloud Hypervisor: its limit, and the end after an hour.
class CloudHypervisor final : public Law {
 public:
  [[nodiscard]] std::string_view name() const override { return "cloud-hypervisor"; }
  void shape(MigrationPlan& plan) const override { plan.parameters.downtime_limit = Seconds(0.3); }
  Order at_look(const RoundView& view) override;
};

}  // namespace godwit::steer
