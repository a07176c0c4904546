#pragma once

#include <optional>
#include <string>

#include "godwit/base/units.h"

namespace godwit {

/// What a control law wants of a running migration. Absent: stays as it is.
struct Order {
  std::optional<Seconds> downtime_limit;
  std::optional<BytesPerSecond> max_bandwidth;
  /// Share of its time that each vCPU keeps, 0 to 1; 1 gives all of it back.
  std::optional<Ratio> cpu_quota;
  bool switch_to_postcopy = false;
  bool give_up = false;  ///< cancel: the guest stays where it is
  std::string why;       ///< for a person, in one line

  [[nodiscard]] bool changes_limits() const { return downtime_limit || max_bandwidth || cpu_quota; }
  [[nodiscard]] bool wants_something() const {
    return changes_limits() || switch_to_postcopy || give_up;
  }
  friend bool operator==(const Order&, const Order&) = default;
};

/// An order and what came of it.
struct AppliedOrder {
  int round = 0;  ///< that was running, 1 being the first pass
  Seconds at{};   ///< since the start of the migration
  Order order;
  std::string refused;  ///< why it was not carried out; empty where it was
  friend bool operator==(const AppliedOrder&, const AppliedOrder&) = default;
};

}  // namespace godwit
