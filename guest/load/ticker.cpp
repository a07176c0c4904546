#include "ticker.h"

#include <pthread.h>
#include <sched.h>

namespace godwit::guest {

void run_ticker(const std::stop_token& stop, Telemetry& telemetry, bool count_as_work) {
  prefer_this_thread();
  const Beat beat(kTickNs);
  while (!stop.stop_requested()) {
    telemetry.gaps.tick(now_ns());
    if (count_as_work) telemetry.work.fetch_add(1, std::memory_order_relaxed);
    beat.wait_next();
  }
}

void prefer_this_thread() {
  sched_param parameters{};
  parameters.sched_priority = 1;
  pthread_setschedparam(pthread_self(), SCHED_FIFO, &parameters);
}

}  // namespace godwit::guest
