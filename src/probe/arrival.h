#pragma once

#include <sys/socket.h>

#include <cstdint>

namespace godwit::probe {

/// Has the kernel note when data arrives at a socket. Best effort: without it, the time of reading
/// is taken.
void stamp_arrivals(int fd);

/// When a message that recvmsg() gave arrived, in ns of the wall clock: by the kernel's clock, else
/// now. Of a TCP stream it is the time of the newest byte that was read.
std::int64_t arrival_wall_ns(msghdr& message);

}  // namespace godwit::probe
