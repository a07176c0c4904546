#include "monitor.h"

namespace godwit::control {
namespace {

/// Nothing that QEMU does goes on for so long without a sign: a switchover whose destination hangs.
constexpr Seconds kLongestStage{3600};

}  // namespace

bool Monitor::look(TimePoint deadline) {
  const std::size_t before = rounds_.rounds().size();
  for (const PassSync& sync : session_.watch(deadline)) {
    rounds_.begin(view().launched_wall_us);
    rounds_.on_pass(sync);
  }
  return rounds_.rounds().size() > before;
}

void Monitor::finish() {
  if (passes() == 0 && !view().status.transferred) return;  // nobody counts
  rounds_.begin(view().launched_wall_us);
  rounds_.finish(clock_.wall_us(), view().status);
}

bool Monitor::over() {
  const Liveness source = session_.liveness();
  if (source.ended || source.out_of_reach) return true;
  if (source.silent_for > rules().longest_silence) return true;
  const steer::Stage now = stage();
  if (now == steer::Stage::kOver || session_.exhausted()) return true;
  // Whoever drives it may mend it, or end what hangs, at any time.
  if (session_.only_watches()) return false;
  return now == steer::Stage::kPostcopyBroken ||
         clock_.now() - view().last_progress > kLongestStage;
}

}  // namespace godwit::control
