#include "wait_on.h"

#include <poll.h>

#include <array>
#include <cmath>

namespace godwit::lab {

Woken wait_on(int fd, short events, TimePoint deadline, int stopped) {
  const RealClock clock;
  for (;;) {
    const double left_ms = std::ceil(Milliseconds(deadline - clock.now()).count());
    if (left_ms <= 0) return Woken::kLate;
    std::array<pollfd, 2> fds{pollfd{fd, events, 0}, pollfd{stopped, POLLIN, 0}};
    const int most_ms = 3'600'000;
    poll(fds.data(), fds.size(), left_ms < most_ms ? static_cast<int>(left_ms) : most_ms);
    if (fds[1].revents != 0) return Woken::kStopped;
    if (fds[0].revents != 0) return Woken::kReady;
  }
}

}  // namespace godwit::lab
