#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "godwit/domain/migration_plan.h"
#include "godwit/domain/order.h"
#include "godwit/domain/session.h"
#include "monitor.h"

namespace godwit::control {

/// Whether a law's orders are carried out, or only remembered.
enum class Obedience { kCarryOut, kObserveOnly };

/// Carries out what a law orders, as far as plan and stage allow it, and remembers what came of it.
class Orders {
 public:
  Orders(MigrationSession& session, const MigrationPlan& plan, Obedience obedience)
      : session_(session), plan_(plan), obedience_(obedience), limits_(plan.parameters) {}

  [[nodiscard]] bool may_switch_to_postcopy(const Monitor& monitor) const;
  void carry_out(const Order& order, const Monitor& monitor);
  /// The same of what the plan itself wants, which is always carried out.
  void carry_out_plan(const Order& order, const Monitor& monitor);

  /// All of them, refused ones too.
  [[nodiscard]] const std::vector<AppliedOrder>& applied() const { return applied_; }
  [[nodiscard]] std::size_t carried_out() const;
  [[nodiscard]] bool may_slow_down() const {
    return session_.view().may_slow_down && !quota_refused_;
  }
  /// Limits as they are now.
  [[nodiscard]] const MigrationParameters& limits() const { return limits_; }

 private:
  void remember(const Order& order, const Monitor& monitor, const std::string& refused);
  Result<void> apply(const Order& order, const Monitor& monitor);
  Result<void> change_limits(const Order& order, const Monitor& monitor);
  Result<void> switch_to_postcopy(const Monitor& monitor);

  MigrationSession& session_;
  const MigrationPlan& plan_;
  Obedience obedience_;
  MigrationParameters limits_;
  std::vector<AppliedOrder> applied_;
  bool quota_refused_ = false;
  bool postcopy_refused_ = false;  ///< by the hypervisor, for good: pre-copy goes on
};

}  // namespace godwit::control
