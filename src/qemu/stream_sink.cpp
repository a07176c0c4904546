#include "stream_sink.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <system_error>
#include <vector>

namespace godwit::qemu {
namespace {

/// Small enough to stay in a core's cache, so that throwing away costs one copy and no memory
/// traffic.
constexpr std::size_t kBuffer = std::size_t{256} << 10;

void discard(int socket) {
  std::vector<char> buffer(kBuffer);
  while (true) {
    const ssize_t got = ::recv(socket, buffer.data(), buffer.size(), 0);
    if (got == 0 || (got < 0 && errno != EINTR)) return;
  }
}

}  // namespace

Result<std::unique_ptr<StreamSink>> StreamSink::open() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return fail(errno_error("opening a socket pair", errno));
  }
  UniqueFd ours(ends[0]);
  UniqueFd theirs(ends[1]);
  try {
    return std::unique_ptr<StreamSink>(new StreamSink(std::move(ours), std::move(theirs)));
  } catch (const std::system_error& e) {
    return fail(errno_error("starting a thread", e.code().value()));
  }
}

StreamSink::StreamSink(UniqueFd ours, UniqueFd theirs)
    : ours_(std::move(ours)),
      theirs_(std::move(theirs)),
      reader_([socket = ours_.get()] { discard(socket); }) {}

StreamSink::~StreamSink() {
  (void)::shutdown(ours_.get(), SHUT_RDWR);
  reader_.join();
}

}  // namespace godwit::qemu
