#include "progress.h"

#include <algorithm>

namespace godwit::control {
namespace {

/// As fast as it went until now. While disks are mirrored, memory is all still to come.
std::optional<Seconds> left_by_rate(const SessionView& seen, Seconds elapsed) {
  if (!seen.launched) {
    if (!seen.storage || seen.storage->done <= Bytes(0) || elapsed <= Seconds(0)) {
      return std::nullopt;
    }
    return (seen.storage->left + seen.ram) / (seen.storage->done / elapsed);
  }
  const MigrationStatus& status = seen.status;
  if (!status.remaining || !status.throughput || status.throughput->value() <= 0) {
    return std::nullopt;
  }
  const Bytes disks = seen.held_back && seen.storage ? seen.storage->left : Bytes(0);
  return (*status.remaining + disks) / *status.throughput;
}

std::optional<Seconds> eta(const SessionView& seen, Seconds elapsed,
                           std::optional<Seconds> predicted_total) {
  const std::optional<Seconds> by_rate = left_by_rate(seen, elapsed);
  if (!predicted_total) return by_rate;
  // The prediction knows of rounds to come; what is left to send is a lower bound on the truth.
  return std::max(*predicted_total - elapsed, by_rate.value_or(Seconds(0)));
}

}  // namespace

Progress progress_of(const Monitor& monitor, const Liveness& source,
                     std::optional<Seconds> predicted_total) {
  const SessionView& seen = monitor.view();
  const MigrationStatus& status = seen.status;
  Progress progress;
  progress.phase = status.phase;
  progress.elapsed = monitor.elapsed();
  progress.round = monitor.round();
  progress.transferred = status.transferred.value_or(Bytes());
  progress.remaining = status.remaining;
  if (seen.held_back && seen.storage) progress.storage_left = seen.storage->left;
  progress.rate = status.throughput;
  progress.dirty_rate = status.dirty_rate;
  progress.throttle_percent = status.throttle_percent;
  progress.eta = eta(seen, progress.elapsed, predicted_total);
  progress.point_of_no_return = !monitor.rules().may_cancel;
  if (monitor.standstill() >= kSayStandstill) progress.standstill = monitor.standstill();
  if (!source.connected || source.silent_for >= kSayStandstill) {
    progress.silence = source.silent_for;
  }
  return progress;
}

}  // namespace godwit::control
