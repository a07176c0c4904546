#pragma once

#include <string>
#include <vector>

#include "godwit/domain/migration_plan.h"
#include "godwit/domain/order.h"
#include "godwit/domain/session.h"
#include "monitor.h"

namespace godwit::control {

/// Carries out what a law orders, as far as plan and stage allow it, and remembers what came of it.
class Orders {
 public:
  Orders(MigrationSession& session, const MigrationPlan& plan)
      : session_(session), plan_(plan), limits_(plan.parameters) {}

  [[nodiscard]] bool may_switch_to_postcopy(const Monitor& monitor) const;
  void carry_out(const Order& order, const Monitor& monitor);

  [[nodiscard]] const std::vector<AppliedOrder>& applied() const { return applied_; }
  [[nodiscard]] bool may_slow_down() const {
    return session_.view().may_slow_down && !quota_refused_;
  }
  /// Limits as they are now.
  [[nodiscard]] const MigrationParameters& limits() const { return limits_; }

 private:
  Result<void> apply(const Order& order, const Monitor& monitor);
  Result<void> change_limits(const Order& order, const Monitor& monitor);
  Result<void> switch_to_postcopy(const Monitor& monitor);

  MigrationSession& session_;
  const MigrationPlan& plan_;
  MigrationParameters limits_;
  std::vector<AppliedOrder> applied_;
  bool quota_refused_ = false;
  bool postcopy_refused_ = false;  ///< by the hypervisor: pre-copy goes on
};

}  // namespace godwit::control
