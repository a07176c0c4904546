#include "ticker.h"

#include <pthread.h>
#include <sched.h>

namespace godwit::guest {

void run_ticker(const StopSignal& stop, Telemetry& telemetry) {
  prefer_this_thread();
  const Beat beat(kTickNs);
  while (!stop.asked()) {
    telemetry.gaps.tick(now_ns());
    for (Counters& slot : telemetry.slots) {
      // Not add(): the slot's next load may have begun since.
      if (slot.ticking.load(std::memory_order_relaxed)) slot.work.fetch_add(1);
    }
    beat.wait_next();
  }
}

void prefer_this_thread() {
  sched_param parameters{};
  parameters.sched_priority = 1;
  pthread_setschedparam(pthread_self(), SCHED_FIFO, &parameters);
}

}  // namespace godwit::guest
