#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <span>

namespace godwit::probe {

/// Has the kernel note when data arrives at a socket. Best effort: without it, the time of reading
/// is taken.
void stamp_arrivals(int fd);

struct Arrived {
  ssize_t size = 0;          ///< as recvmsg() returns it, errno beside it
  std::int64_t wall_ns = 0;  ///< where something came: when, by the kernel's clock, else now
};

/// Reads what is there, without waiting. Of a TCP stream the time is that of the newest byte that
/// was read.
Arrived receive_stamped(int fd, std::span<std::byte> buffer);

}  // namespace godwit::probe
