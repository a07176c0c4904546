#include <optional>

#include "godwit/steer/law.h"

namespace godwit::steer {
namespace {

/// Of memory, zero pages included, what pre-copy has dealt with; nothing before QEMU says.
std::optional<double> dealt_with(const MigrationStatus& status) {
  if (!status.total || !status.remaining || *status.total <= Bytes(0)) return std::nullopt;
  return 1 - *status.remaining / *status.total;
}

bool postcopy_is_due(const RoundView& view) {
  if (!uses_postcopy(view.plan.technique)) return false;
  const double share = view.plan.technique.ending == Ending::kPostcopyAtOnce
                           ? 0
                           : view.plan.parameters.precopy_share.value_or(Ratio(1)).value();
  const bool first_pass_over = view.passes >= 2;
  if (share <= 0 || first_pass_over) return true;
  return share < 1 && dealt_with(view.status()).value_or(0) >= share;
}

}  // namespace

Order AsPlanned::at_look(const RoundView& view) {
  Order order;
  const bool active = view.status().phase == MigrationPhase::kActive;
  if (!view.may_postcopy || !active || !postcopy_is_due(view)) return order;
  order.switch_to_postcopy = true;
  order.why = "the share of memory that pre-copy shall send is sent";
  return order;
}

}  // namespace godwit::steer
