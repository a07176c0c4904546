#include "orders.h"

#include <fmt/format.h>

#include <algorithm>

#include "godwit/base/log.h"

namespace godwit::control {
namespace {

constexpr const char* kObservedOnly = "observed only: nothing was ordered";

/// An order that is refused again and again, at every look, is one order, whatever reasons it has.
bool repeats(const std::vector<AppliedOrder>& applied, const AppliedOrder& now) {
  return !applied.empty() && !now.refused.empty() && applied.back().refused == now.refused &&
         applied.back().order.wants_the_same_as(now.order);
}

bool allows_postcopy(const MigrationPlan& plan) {
  return uses_postcopy(plan.technique) || plan.may_end_by_postcopy;
}

Error not_now(std::string_view what, const Monitor& monitor) {
  return {ErrorCode::kRefused,
          fmt::format("{} can't be ordered in this stage ({})", what, monitor.rules().name), ""};
}

}  // namespace

bool Orders::may_switch_to_postcopy(const Monitor& monitor) const {
  return allows_postcopy(plan_) && monitor.rules().may_start_postcopy && !postcopy_refused_;
}

std::size_t Orders::carried_out() const {
  return static_cast<std::size_t>(
      std::count_if(applied_.begin(), applied_.end(),
                    [](const AppliedOrder& one) { return one.refused.empty(); }));
}

void Orders::carry_out(const Order& order, const Monitor& monitor) {
  if (obedience_ == Obedience::kObserveOnly) return remember(order, monitor, kObservedOnly);
  carry_out_plan(order, monitor);
}

void Orders::carry_out_plan(const Order& order, const Monitor& monitor) {
  const auto done = apply(order, monitor);
  const std::size_t before = applied_.size();
  remember(order, monitor, done ? "" : done.error().message);
  if (!done && applied_.size() > before) {
    log::warning("ordered in vain ({}): {}", order.why, done.error().message);
  }
}

void Orders::remember(const Order& order, const Monitor& monitor, const std::string& refused) {
  AppliedOrder now{monitor.round(), monitor.elapsed(), order, refused};
  if (!repeats(applied_, now)) applied_.push_back(std::move(now));
}

Result<void> Orders::apply(const Order& order, const Monitor& monitor) {
  if (order.changes_limits()) GODWIT_CHECK_OK(change_limits(order, monitor));
  if (order.switch_to_postcopy) GODWIT_CHECK_OK(switch_to_postcopy(monitor));
  if (order.give_up && !monitor.view().gave_up_at) return fail(not_now("giving up", monitor));
  return {};
}

Result<void> Orders::change_limits(const Order& order, const Monitor& monitor) {
  if (!monitor.rules().may_change_limits) return fail(not_now("another limit", monitor));
  auto amended = session_.amend(order);
  if (!amended) {
    quota_refused_ = quota_refused_ || order.cpu_quota.has_value();
    return amended;
  }
  if (order.downtime_limit) limits_.downtime_limit = order.downtime_limit;
  if (order.max_bandwidth) limits_.max_bandwidth = order.max_bandwidth;
  return {};
}

Result<void> Orders::switch_to_postcopy(const Monitor& monitor) {
  if (!allows_postcopy(plan_)) {
    return fail(ErrorCode::kRefused, "the plan does not allow post-copy");
  }
  if (!may_switch_to_postcopy(monitor)) return fail(not_now("post-copy", monitor));
  auto ordered = session_.switch_to_postcopy();
  postcopy_refused_ = !ordered && ordered.error().code != ErrorCode::kBusy;
  return ordered;
}

}  // namespace godwit::control
