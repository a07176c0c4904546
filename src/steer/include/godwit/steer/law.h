#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "godwit/domain/migration_plan.h"
#include "godwit/domain/order.h"
#include "godwit/domain/outcome.h"
#include "godwit/domain/session.h"
#include "godwit/steer/stage.h"

/// Control laws: what is ordered while a migration runs, decided from nothing but what is seen of
/// it. Control vets each order against plan and stage, carries it out, and keeps it in the outcome.

namespace godwit::steer {

/// All that a law sees.
struct RoundView {
  const MigrationPlan& plan;
  const SessionView& session;
  Stage stage = Stage::kOver;
  std::span<const RoundRecord> rounds{};  ///< that have ended
  std::int64_t passes = 0;                ///< syncs of the dirty bitmap up to now
  Seconds elapsed{};                      ///< since the start
  MigrationParameters limits{};           ///< now in force; absent: the hypervisor's own
  bool may_postcopy = false;              ///< it can be switched to now
  bool may_slow_down = true;              ///< vCPUs can be given less time, as far as is known
  Ratio cpu_quota{1};                     ///< share of its time that each vCPU keeps

  [[nodiscard]] const MigrationStatus& status() const { return session.status; }
};

/// Decides from what it is shown, in the order in which it is shown: the same views give the same
/// orders. It knows no clock and asks nobody.
class Law {
 public:
  Law() = default;
  Law(const Law&) = delete;
  Law& operator=(const Law&) = delete;
  virtual ~Law() = default;

  [[nodiscard]] virtual std::string_view name() const = 0;
  /// May it order anything of such a migration?
  [[nodiscard]] virtual bool engages(const MigrationPlan& plan) const {
    (void)plan;
    return true;
  }
  /// What the law wants of the plan before it begins.
  virtual void shape(MigrationPlan& plan) const { (void)plan; }
  /// Asked when a round has ended: right after a sync of the dirty bitmap.
  virtual Order after_round(const RoundView& view) {
    (void)view;
    return {};
  }
  /// Asked at every look, some `look_every()` apart.
  virtual Order at_look(const RoundView& view) {
    (void)view;
    return {};
  }
  [[nodiscard]] virtual Seconds look_every() const { return Seconds(0.05); }
};

/// QEMU as it is, but for the switch to post-copy that a hybrid plan asks for: once the share of
/// memory that shall go by pre-copy has been dealt with. 0: at once; 1: after the first pass.
/// Zhang's M (models.md §4).
class AsPlanned final : public Law {
 public:
  [[nodiscard]] std::string_view name() const override { return kNoLaw; }
  [[nodiscard]] bool engages(const MigrationPlan&) const override { return false; }
  Order at_look(const RoundView& view) override;
};

}  // namespace godwit::steer
