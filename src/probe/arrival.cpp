#include "arrival.h"

#include <cstring>
#include <ctime>

namespace godwit::probe {
namespace {

std::int64_t wall_ns(const timespec& time) {
  return static_cast<std::int64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec;
}

}  // namespace

void stamp_arrivals(int fd) {
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
}

std::int64_t arrival_wall_ns(msghdr& message) {
  timespec time{};
  for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
    if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_TIMESTAMPNS) continue;
    std::memcpy(&time, CMSG_DATA(c), sizeof time);
    return wall_ns(time);
  }
  clock_gettime(CLOCK_REALTIME, &time);
  return wall_ns(time);
}

}  // namespace godwit::probe
