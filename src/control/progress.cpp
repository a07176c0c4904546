#include "progress.h"

namespace godwit::control {

Progress progress_of(const Monitor& monitor, const Liveness& source, const EndForecast& forecast) {
  const SessionView& seen = monitor.view();
  const MigrationStatus& status = seen.status;
  Progress progress;
  progress.phase = status.phase;
  progress.elapsed = monitor.elapsed();
  progress.round = monitor.round();
  progress.transferred = status.transferred.value_or(Bytes());
  progress.remaining = status.remaining;
  if ((seen.held_back || seen.rest_follows) && seen.storage)
    progress.storage_left = seen.storage->left;
  progress.rest_follows = seen.rest_follows;
  progress.rate = status.throughput;
  progress.dirty_rate = status.dirty_rate;
  progress.throttle_percent = status.throttle_percent;
  progress.forecast = forecast;
  progress.point_of_no_return = !monitor.rules().may_cancel;
  if (monitor.standstill() >= kSayStandstill) progress.standstill = monitor.standstill();
  if (!source.connected || source.silent_for >= kSayStandstill) {
    progress.silence = source.silent_for;
  }
  return progress;
}

}  // namespace godwit::control
