#pragma once

#include <optional>
#include <string>
#include <vector>

#include "godwit/base/units.h"
#include "godwit/domain/migration_plan.h"
#include "godwit/domain/technique.h"

namespace godwit {

/// A predicted quantity: median, and the bounds of its 90 % interval.
template <class T>
struct Interval {
  T p50{};
  T p05{};
  T p95{};
  friend bool operator==(const Interval&, const Interval&) = default;
};

/// Downtime by kind; the kinds are never mixed (see `Downtime` in outcome.h).
struct DowntimePrediction {
  std::optional<Interval<Seconds>> qemu;
  std::optional<Interval<Seconds>> events;
  std::optional<Interval<Seconds>> probe;
  friend bool operator==(const DowntimePrediction&, const DowntimePrediction&) = default;
};

/// What is expected of the rest of a migration that is under way.
struct EndForecast {
  std::optional<Interval<Seconds>> eta{};  ///< until it is over; absent: not within its time
  /// Probability that it ends, and keeps the intent. Absent: nobody can tell yet.
  std::optional<Ratio> ends{};
  friend bool operator==(const EndForecast&, const EndForecast&) = default;
};

/// What one pre-copy round is expected to do.
struct PredictedRound {
  Seconds duration{};
  Bytes sent;
  Bytes dirtied;  ///< left to send when the round ended
  friend bool operator==(const PredictedRound&, const PredictedRound&) = default;
};

/// Courses of a migration that end at about the same time, where others end at another.
struct Hump {
  Ratio share;  ///< of those that end
  Interval<Seconds> total_time;
  friend bool operator==(const Hump&, const Hump&) = default;
};

/// The disks' part of a migration that takes them along (docs/disks.md).
struct StoragePrediction {
  Ratio share;                         ///< that is copied before the guest moves: Zhang's S
  Interval<Seconds> ready_after;       ///< from the start until memory's turn
  Interval<Seconds> runs_there_after;  ///< until the guest runs at the destination
  /// From then until nothing is needed of the source: Zhang's remote uptime U.
  Interval<Seconds> independent_after;
  Interval<Seconds> done_after;  ///< from the start until then: Zhang's total time T
  Interval<Bytes> copied;        ///< of disks, before and after
  friend bool operator==(const StoragePrediction&, const StoragePrediction&) = default;
};

struct TechniquePrediction {
  Technique technique;  ///< with storage the times include the disks'
  MigrationParameters parameters;
  /// False: no model was ever held against such a migration, so none answers; `why` says what is
  /// missing, and all else that follows is absent.
  bool grounded = true;
  bool converges = false;  ///< switches over by itself within the time asked for: likelier than not
  /// How likely that is; absent where nobody drew courses to tell.
  std::optional<Ratio> converges_probability;
  std::string why;    ///< one sentence; when it does not converge: because of what
  std::string model;  ///< who says so: "twin", "twin+residual"
  /// Given that it converges; absent where that is unlikely, as all below.
  std::optional<Interval<Seconds>> total_time;
  /// Where total times fall into groups, with times between them that are hardly ever met: those
  /// groups, in order. Empty where the interval says it all.
  std::vector<Hump> humps;
  DowntimePrediction downtime;
  std::optional<Interval<Bytes>> transferred;
  std::optional<Interval<Ratio>> slowdown;  ///< 0 = guest undisturbed, 1 = stands still throughout
  /// CPU time of both hypervisor processes while it runs, the guest's own included.
  std::optional<Interval<Seconds>> host_cpu;
  std::optional<StoragePrediction> storage;  ///< absent: they stay, or nobody knows
  /// Zhang's restoration agility: how fast the guest does its work again (agility/agility.h).
  std::optional<Interval<Ratio>> agility;
  std::vector<PredictedRound> rounds;

  friend bool operator==(const TechniquePrediction&, const TechniquePrediction&) = default;
};

struct Advice {
  Technique technique;
  MigrationParameters parameters;
  std::string why;
  friend bool operator==(const Advice&, const Advice&) = default;
};

struct Prediction {
  std::vector<TechniquePrediction> predictions;
  std::optional<Advice> advice;  ///< absent when nothing meets the intent
  friend bool operator==(const Prediction&, const Prediction&) = default;
};

/// The prediction for one technique, or null.
[[nodiscard]] const TechniquePrediction* find(const Prediction& prediction, Technique technique);

}  // namespace godwit
