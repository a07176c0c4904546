#include "godwit/learn/metric.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

namespace godwit::learn {
namespace {

constexpr std::array kMetricNames{
    std::pair{Metric::kTotalTime, "total_time"},
    std::pair{Metric::kRemainingTime, "remaining_time"},
    std::pair{Metric::kTransferred, "transferred"},
    std::pair{Metric::kDirtyRate, "dirty_rate"},
    std::pair{Metric::kDowntimeQemu, "downtime_qemu"},
    std::pair{Metric::kDowntimeEvents, "downtime_events"},
    std::pair{Metric::kDowntimeProbe, "downtime_probe"},
    std::pair{Metric::kSlowdown, "slowdown"},
    std::pair{Metric::kHostCpu, "host_cpu"},
    std::pair{Metric::kDuration, "duration"},
    std::pair{Metric::kMakespan, "makespan"},
};

constexpr std::array kLearnt{Metric::kTotalTime,      Metric::kTransferred,   Metric::kDowntimeQemu,
                             Metric::kDowntimeEvents, Metric::kDowntimeProbe, Metric::kSlowdown,
                             Metric::kHostCpu};

std::optional<double> number(const std::optional<Seconds>& time) {
  return time ? std::optional(time->count()) : std::nullopt;
}

std::optional<Interval<double>> number(const std::optional<Interval<Seconds>>& time) {
  if (!time) return std::nullopt;
  return Interval<double>{time->p50.count(), time->p05.count(), time->p95.count()};
}

}  // namespace

std::string_view to_string(Metric metric) {
  const auto found = std::find_if(kMetricNames.begin(), kMetricNames.end(),
                                  [metric](const auto& name) { return name.first == metric; });
  return found != kMetricNames.end() ? found->second : "";
}

std::optional<Metric> metric_from_string(std::string_view name) {
  const auto found = std::find_if(kMetricNames.begin(), kMetricNames.end(),
                                  [name](const auto& one) { return one.second == name; });
  return found != kMetricNames.end() ? std::optional(found->first) : std::nullopt;
}

bool is_downtime(Metric metric) {
  return metric == Metric::kDowntimeQemu || metric == Metric::kDowntimeEvents ||
         metric == Metric::kDowntimeProbe;
}

std::span<const Metric> learnt_metrics() {
  return kLearnt;
}

std::optional<double> value_of(const Measured& measured, Metric metric) {
  switch (metric) {
    case Metric::kTotalTime:
      return number(measured.total_time);
    case Metric::kTransferred:
      return measured.transferred ? std::optional(measured.transferred->as_double()) : std::nullopt;
    case Metric::kDowntimeQemu:
      return uses_postcopy(measured.technique) ? std::nullopt : number(measured.downtime.qemu);
    case Metric::kDowntimeEvents:
      return number(measured.downtime.events);
    case Metric::kDowntimeProbe:
      return number(measured.downtime.probe);
    case Metric::kSlowdown:
      return measured.slowdown ? std::optional(std::max(0.0, measured.slowdown->value()))
                               : std::nullopt;
    case Metric::kHostCpu:
      return number(measured.host_cpu);
    default:
      return std::nullopt;
  }
}

std::optional<Interval<double>> value_of(const TechniquePrediction& prediction, Metric metric) {
  switch (metric) {
    case Metric::kTotalTime:
      return number(prediction.total_time);
    case Metric::kTransferred: {
      const auto& bytes = prediction.transferred;
      if (!bytes) return std::nullopt;
      return Interval<double>{bytes->p50.as_double(), bytes->p05.as_double(),
                              bytes->p95.as_double()};
    }
    case Metric::kDowntimeQemu:
      return number(prediction.downtime.qemu);
    case Metric::kDowntimeEvents:
      return number(prediction.downtime.events);
    case Metric::kDowntimeProbe:
      return number(prediction.downtime.probe);
    case Metric::kSlowdown: {
      const auto& share = prediction.slowdown;
      if (!share) return std::nullopt;
      return Interval<double>{share->p50.value(), share->p05.value(), share->p95.value()};
    }
    case Metric::kHostCpu:
      return number(prediction.host_cpu);
    default:
      return std::nullopt;
  }
}

void set_value(TechniquePrediction& prediction, Metric metric, const Interval<double>& value) {
  const Interval<Seconds> time{Seconds(value.p50), Seconds(value.p05), Seconds(value.p95)};
  const auto bytes = [](double v) { return Bytes(static_cast<std::int64_t>(std::llround(v))); };
  const auto share = [](double v) { return Ratio(std::min(1.0, v)); };
  switch (metric) {
    case Metric::kTotalTime:
      prediction.total_time = time;
      break;
    case Metric::kTransferred:
      prediction.transferred =
          Interval<Bytes>{bytes(value.p50), bytes(value.p05), bytes(value.p95)};
      break;
    case Metric::kDowntimeQemu:
      prediction.downtime.qemu = time;
      break;
    case Metric::kDowntimeEvents:
      prediction.downtime.events = time;
      break;
    case Metric::kDowntimeProbe:
      prediction.downtime.probe = time;
      break;
    case Metric::kSlowdown:
      prediction.slowdown = {share(value.p50), share(value.p05), share(value.p95)};
      break;
    case Metric::kHostCpu:
      prediction.host_cpu = time;
      break;
    default:
      break;
  }
}

}  // namespace godwit::learn
