#pragma once

#include <sys/types.h>

#include <cstddef>
#include <string>
#include <thread>

#include "godwit/base/unique_fd.h"
#include "godwit/domain/address.h"

namespace godwit::relay {

/// What stands in for the destination's QEMU: it listens at a port of 127.0.0.1 that the kernel
/// chose. Its sockets block; what goes on for a minute is given up (a read or write then fails).
class Destination {
 public:
  explicit Destination(int receive_buffer = 0);  ///< bytes; 0: the kernel's usual one
  [[nodiscard]] TcpAddress address() const { return {"127.0.0.1", port_}; }
  [[nodiscard]] UniqueFd accept() const;
  void stop_listening() { listening_.reset(); }
  /// Neither takes nor refuses a connection any more, as a host behind a dead link: its queue is
  /// full, and the kernel says nothing then.
  void fall_silent();

 private:
  UniqueFd listening_;
  UniqueFd filler_;
  int port_ = 0;
};

/// What stands in for the source's QEMU: a connection to "unix:PATH" or "tcp:127.0.0.1:PORT".
[[nodiscard]] UniqueFd connect_to(const std::string& uri);

/// All or nothing; false when the connection ends or breaks before.
bool send_all(const UniqueFd& socket, const std::string& bytes);
/// Up to `size` bytes: fewer when the stream ends or breaks before.
[[nodiscard]] std::string receive(const UniqueFd& socket, std::size_t size);
/// All until the stream ends or breaks.
[[nodiscard]] std::string receive_all(const UniqueFd& socket);
void close_sending(const UniqueFd& socket);
/// Closes with a reset, as the kernel of a process that was killed with unread bytes does.
void reset(UniqueFd socket);

/// Bytes in which a lost, doubled or swapped piece is seen.
[[nodiscard]] std::string noise(std::size_t size, unsigned seed);

}  // namespace godwit::relay
