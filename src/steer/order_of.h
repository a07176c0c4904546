#pragma once

#include <algorithm>
#include <string>
#include <utility>

#include "godwit/base/units.h"
#include "godwit/domain/downtime_limit.h"
#include "godwit/domain/hypervisor.h"
#include "godwit/domain/order.h"

/// Private to steer: orders that laws give, and what they reckon with.

namespace godwit::steer {

inline Order limit(Seconds value, std::string why) {
  Order order;
  order.downtime_limit = std::min(value, kLongestDowntimeLimit);
  order.why = std::move(why);
  return order;
}

inline Order give_up(std::string why) {
  Order order;
  order.give_up = true;
  order.why = std::move(why);
  return order;
}

inline Order postcopy(std::string why) {
  Order order;
  order.switch_to_postcopy = true;
  order.why = std::move(why);
  return order;
}

/// Memory, in GiB.
inline double gibibytes(const MigrationStatus& status) {
  return status.total.value_or(Bytes()).as_double() / static_cast<double>((1_GiB).count());
}

}  // namespace godwit::steer
