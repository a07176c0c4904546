#pragma once

#include <optional>
#include <string>
#include <vector>

#include "godwit/base/units.h"

namespace godwit {

/// What a law that predicts thought would come of limits that it might order.
struct Weighed {
  Seconds downtime_limit{};
  Ratio cpu_quota{1};
  bool ends = false;   ///< in time, and within the downtime that is allowed
  Seconds time{};      ///< until it is over
  Seconds downtime{};  ///< of kind `events`; 0 where it does not end
  friend bool operator==(const Weighed&, const Weighed&) = default;
};

/// What a control law wants of a running migration. Absent: stays as it is.
struct Order {
  std::optional<Seconds> downtime_limit;
  std::optional<BytesPerSecond> max_bandwidth;
  /// Share of its time that each vCPU keeps, 0 to 1; 1 gives all of it back.
  std::optional<Ratio> cpu_quota;
  bool switch_to_postcopy = false;
  bool give_up = false;            ///< cancel: the guest stays where it is
  std::string why;                 ///< for a person, in one line
  std::vector<Weighed> weighed{};  ///< before this was chosen

  [[nodiscard]] bool changes_limits() const { return downtime_limit || max_bandwidth || cpu_quota; }
  [[nodiscard]] bool wants_something() const {
    return changes_limits() || switch_to_postcopy || give_up;
  }
  /// Whatever its reasons are.
  [[nodiscard]] bool wants_the_same_as(const Order& other) const {
    return downtime_limit == other.downtime_limit && max_bandwidth == other.max_bandwidth &&
           cpu_quota == other.cpu_quota && switch_to_postcopy == other.switch_to_postcopy &&
           give_up == other.give_up;
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
