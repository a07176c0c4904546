#include "arrival.h"

#include <sys/socket.h>

#include <array>
#include <cstring>
#include <ctime>

namespace godwit::probe {
namespace {

std::int64_t wall_ns(const timespec& time) {
  return static_cast<std::int64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec;
}

std::int64_t arrival_of(msghdr& message) {
  timespec time{};
  for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
    if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_TIMESTAMPNS) continue;
    std::memcpy(&time, CMSG_DATA(c), sizeof time);
    return wall_ns(time);
  }
  clock_gettime(CLOCK_REALTIME, &time);
  return wall_ns(time);
}

}  // namespace

void stamp_arrivals(int fd) {
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
}

Arrived receive_stamped(int fd, std::span<std::byte> buffer) {
  alignas(cmsghdr) std::array<std::byte, 128> control{};
  iovec where{buffer.data(), buffer.size()};
  msghdr message{};
  message.msg_iov = &where;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  Arrived arrived;
  arrived.size = recvmsg(fd, &message, MSG_DONTWAIT);
  if (arrived.size > 0) arrived.wall_ns = arrival_of(message);
  return arrived;
}

}  // namespace godwit::probe
