#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "godwit/domain/outcome.h"
#include "godwit/domain/prediction.h"

/// What is predicted of a migration, and how its value is read from predictions and outcomes. Pure.

namespace godwit::learn {

enum class Metric {
  kTotalTime,
  kRemainingTime,
  kTransferred,
  kDirtyRate,  ///< the mean over some time to come
  kDowntimeQemu,
  kDowntimeEvents,
  kDowntimeProbe,
  kSlowdown,  ///< share of the guest's work that it loses meanwhile
  kHostCpu,   ///< of both hypervisors, the guest's own included
  kDuration,  ///< of one of several migrations that a plan orders
  kMakespan,  ///< from the start of such a plan to its last end
};
[[nodiscard]] std::string_view to_string(Metric metric);
[[nodiscard]] std::optional<Metric> metric_from_string(std::string_view name);
[[nodiscard]] bool is_downtime(Metric metric);

/// The metrics that corrections are learnt of, and that the functions below know.
[[nodiscard]] std::span<const Metric> learnt_metrics();

/// What came of a migration, as far as somebody measured it.
struct Measured {
  Technique technique;
  std::optional<Seconds> total_time;
  std::optional<Bytes> transferred;
  Downtime downtime;
  std::optional<Ratio> slowdown;
  std::optional<Seconds> host_cpu;
};
/// In seconds, bytes or shares. A guest that by chance seems to do more lost nothing; of
/// post-copies QEMU's own downtime is not to be relied on (docs/research/data.md), and is none.
[[nodiscard]] std::optional<double> value_of(const Measured& measured, Metric metric);

/// The same of a prediction, with its interval; nothing where it does not say.
[[nodiscard]] std::optional<Interval<double>> value_of(const TechniquePrediction& prediction,
                                                       Metric metric);
/// Puts it there. Shares are at most 1.
void set_value(TechniquePrediction& prediction, Metric metric, const Interval<double>& value);

}  // namespace godwit::learn
