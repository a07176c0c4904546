#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "godwit/steer/law.h"

/// Laws that raise the downtime limit by a table, and act when it is used up.

namespace godwit::steer {

enum class LastResort { kGiveUp, kPostcopy };

/// oVirt's schedules (vdsm, migration.py, policies of ovirt-engine's defaults): when the number of
/// iterations exceeds a step's, its limit is set; after the last step comes the last resort.
/// Iterations are QEMU's syncs of the dirty bitmap, counted from the first that is seen.
class IterationSteps final : public Law {
 public:
  struct Step {
    int iterations = 0;
    Seconds limit{};
  };
  struct Schedule {
    std::string_view name;
    Seconds first{};
    std::vector<Step> steps;
    LastResort then = LastResort::kGiveUp;
  };
  explicit IterationSteps(Schedule schedule) : schedule_(std::move(schedule)) {}

  [[nodiscard]] std::string_view name() const override { return schedule_.name; }
  void shape(MigrationPlan& plan) const override;
  Order at_look(const RoundView& view) override;

 private:
  Order last_resort(const RoundView& view) const;

  Schedule schedule_;
  std::int64_t seen_before_ = -1;  ///< iterations when the law was first asked
  std::size_t next_ = 0;
};

[[nodiscard]] IterationSteps::Schedule ovirt_minimal_downtime();
[[nodiscard]] IterationSteps::Schedule ovirt_suspend();
[[nodiscard]] IterationSteps::Schedule ovirt_post_copy();
[[nodiscard]] IterationSteps::Schedule ovirt_very_large();

/// OpenStack Nova (virt/libvirt/migration.py, downtime_steps and should_trigger_postcopy; defaults
/// of its configuration): 50 ms, then ten steps of 45 ms up to 500, one each 75 s per GiB of
/// memory, of at least 2. After 800 s per GiB it is aborted, or ended by post-copy where that is
/// permitted.
class Nova final : public Law {
 public:
  [[nodiscard]] std::string_view name() const override { return "nova"; }
  void shape(MigrationPlan& plan) const override;
  Order at_look(const RoundView& view) override;

 private:
  int step_ = 0;
};

/// KubeVirt's VEP 291 as it was merged (kubevirt/enhancements, veps/sig-compute/
/// 291-dynamic-downtime-tuning): 150 ms; from the third iteration on, each 10 s, a seventh of the
/// way to the most that is allowed (1050 ms).
class KubevirtRamp final : public Law {
 public:
  [[nodiscard]] std::string_view name() const override { return "kubevirt-ramp"; }
  void shape(MigrationPlan& plan) const override;
  Order at_look(const RoundView& view) override;

 private:
  int steps_ = 0;
  std::optional<Seconds> cooling_since_;
};

/// Proxmox VE (qemu-server, QemuMigrate.pm): looks once a second; at the sixth look at which what
/// is left has grown or is 0 the limit doubles, up to QEMU's largest. XBZRLE with a cache of a
/// tenth of memory and auto-converge are on there as well; here the technique is what the plan
/// says.
class Proxmox final : public Law {
 public:
  [[nodiscard]] std::string_view name() const override { return "proxmox"; }
  void shape(MigrationPlan& plan) const override;
  Order at_look(const RoundView& view) override;

 private:
  Seconds next_look_{};
  std::optional<Bytes> last_left_;
  int grown_ = 0;
};

}  // namespace godwit::steer
