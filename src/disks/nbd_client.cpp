#include "nbd_client.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <libnbd.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "godwit/base/stop_fd.h"

namespace godwit::disks {
namespace {

constexpr Seconds kConnectPatience{10};
/// What a server of QEMU's takes in one question for extents, and in one discard.
constexpr std::int64_t kMostAtOnce = 1LL << 30;

int milliseconds_until(TimePoint deadline, const Clock& clock) {
  const double left = (deadline - clock.now()).count() * 1000;
  return static_cast<int>(std::clamp(left + 1, 0.0, 60000.0));
}

struct Resolved {
  sockaddr_storage address{};
  socklen_t length = 0;
};

Result<Resolved> resolve(const StorageOffer& server) {
  Resolved found;
  if (!server.socket.empty()) {
    sockaddr_un local{};
    local.sun_family = AF_UNIX;
    if (server.socket.size() >= sizeof local.sun_path) {
      return fail(ErrorCode::kBadInput, fmt::format("{} is too long for a socket", server.socket));
    }
    std::memcpy(local.sun_path, server.socket.c_str(), server.socket.size() + 1);
    std::memcpy(&found.address, &local, sizeof local);
    found.length = sizeof local;
    return found;
  }
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  const int failed =
      ::getaddrinfo(server.host.c_str(), std::to_string(server.port).c_str(), &hints, &list);
  if (failed != 0) {
    return fail(ErrorCode::kNotFound,
                fmt::format("{} has no address: {}", server.host, ::gai_strerror(failed)));
  }
  std::memcpy(&found.address, list->ai_addr, list->ai_addrlen);
  found.length = list->ai_addrlen;
  ::freeaddrinfo(list);
  return found;
}

std::string shown(const StorageOffer& server) {
  return server.socket.empty() ? fmt::format("{}:{}", server.host, server.port) : server.socket;
}

Error connect_error(const StorageOffer& server, int error) {
  return {error == ETIMEDOUT ? ErrorCode::kTimeout : ErrorCode::kPeerGone,
          fmt::format("no connection to the disks' server at {}: {}", shown(server),
                      std::strerror(error)),
          "look for a firewall between the hosts, also on the ports after the stream's"};
}

// libnbd calls back in C. The functions are deleted when libnbd forgets them.

int call_done(void* user, int* error) {
  (*static_cast<NbdClient::Done*>(user))(*error);
  return 1;  // retire it
}
void forget_done(void* user) {
  delete static_cast<NbdClient::Done*>(user);
}
nbd_completion_callback on_done(NbdClient::Done done) {
  return {call_done, new NbdClient::Done(std::move(done)), forget_done};
}

/// On the heap: the answer to a question that was given up may still come.
struct ExtentSink {
  std::string context;
  std::vector<Extent> found;
};
using SharedSink = std::shared_ptr<ExtentSink>;
int take_extents(void* user, const char* context, std::uint64_t offset, std::uint32_t* entries,
                 std::size_t count, int*) {
  ExtentSink& sink = **static_cast<SharedSink*>(user);
  if (sink.context != context) return 0;
  auto begin = static_cast<std::int64_t>(offset);
  for (std::size_t i = 0; i + 1 < count; i += 2) {
    sink.found.push_back({{begin, begin + entries[i]}, entries[i + 1]});
    begin += entries[i];
  }
  return 0;
}
void forget_sink(void* user) {
  delete static_cast<SharedSink*>(user);
}

}  // namespace

Result<UniqueFd> connect_socket(const StorageOffer& server, TimePoint deadline, Clock& clock) {
  GODWIT_TRY(const Resolved to, resolve(server));
  UniqueFd fd(::socket(to.address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) return fail(errno_error("making a socket", errno));
  const auto* address = reinterpret_cast<const sockaddr*>(&to.address);
  int error = ::connect(fd.get(), address, to.length) == 0 ? 0 : errno;
  if (error == EINPROGRESS) {
    pollfd waiting{fd.get(), POLLOUT, 0};
    const int ready = ::poll(&waiting, 1, milliseconds_until(deadline, clock));
    socklen_t length = sizeof error;
    if (ready == 0) {
      error = ETIMEDOUT;
    } else {
      (void)::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &length);
    }
  }
  if (error != 0) return fail(connect_error(server, error));
  const int on = 1;
  if (server.socket.empty()) {
    (void)::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  return fd;
}

Result<std::unique_ptr<NbdClient>> NbdClient::open(Clock& clock, const StorageOffer& server,
                                                   const std::string& export_name, std::string name,
                                                   const std::string& context) {
  nbd_handle* handle = ::nbd_create();
  if (handle == nullptr) return fail(ErrorCode::kInternal, ::nbd_get_error());
  std::unique_ptr<NbdClient> client(new NbdClient(clock, handle, std::move(name)));
  const bool set = ::nbd_set_export_name(handle, export_name.c_str()) == 0 &&
                   ::nbd_add_meta_context(handle, kAllocation) == 0 &&
                   (context.empty() || ::nbd_add_meta_context(handle, context.c_str()) == 0);
  if (!set) return fail(client->failure("preparing"));
  const TimePoint deadline = clock.now() + kConnectPatience;
  GODWIT_TRY(UniqueFd socket, connect_socket(server, deadline, clock));
  GODWIT_CHECK_OK(client->shake_hands(std::move(socket), deadline));
  for (const std::string& wanted : {std::string(kAllocation), context}) {
    if (wanted.empty() || ::nbd_can_meta_context(handle, wanted.c_str()) == 1) continue;
    return fail(ErrorCode::kUnsupported,
                fmt::format("{}: its server has no {}", client->name_, wanted));
  }
  client->size_ = ::nbd_get_size(handle);
  if (client->size_ < 0) return fail(client->failure("asking for its size"));
  return client;
}

NbdClient::~NbdClient() {
  ::nbd_close(handle_);
}

Result<void> NbdClient::shake_hands(UniqueFd socket, TimePoint deadline) {
  // libnbd owns the descriptor from here on, also when it fails
  const int fd = ::fcntl(socket.get(), F_DUPFD_CLOEXEC, 0);
  if (::nbd_aio_connect_socket(handle_, fd) != 0) return fail(failure("greeting"));
  while (::nbd_aio_is_connecting(handle_) == 1) {
    if (clock_.now() >= deadline) {
      return fail(ErrorCode::kTimeout, fmt::format("{}: its server does not greet", name_));
    }
    GODWIT_CHECK_OK(wait({this}, deadline, clock_, {}));
  }
  if (::nbd_aio_is_ready(handle_) == 1) return {};
  return fail(failure("greeting"));
}

Error NbdClient::failure(std::string_view what) const {
  const char* const why = ::nbd_get_error();
  const bool dead = ::nbd_aio_is_dead(handle_) == 1 || ::nbd_aio_is_closed(handle_) == 1;
  return {dead ? ErrorCode::kPeerGone : ErrorCode::kRefused,
          fmt::format("{}: {}: {}", name_, what, why == nullptr ? "it failed" : why),
          {}};
}

pollfd NbdClient::polled() const {
  const unsigned direction = ::nbd_aio_get_direction(handle_);
  short events = 0;
  if ((direction & LIBNBD_AIO_DIRECTION_READ) != 0) events |= POLLIN;
  if ((direction & LIBNBD_AIO_DIRECTION_WRITE) != 0) events |= POLLOUT;
  return {::nbd_aio_get_fd(handle_), events, 0};
}

Result<void> NbdClient::notify(short events) {
  const unsigned direction = ::nbd_aio_get_direction(handle_);
  int told = 0;
  if ((events & (POLLIN | POLLHUP | POLLERR)) != 0 &&
      (direction & LIBNBD_AIO_DIRECTION_READ) != 0) {
    told = ::nbd_aio_notify_read(handle_);
  } else if ((events & (POLLOUT | POLLHUP | POLLERR)) != 0 &&
             (direction & LIBNBD_AIO_DIRECTION_WRITE) != 0) {
    told = ::nbd_aio_notify_write(handle_);
  }
  const bool dead = ::nbd_aio_is_dead(handle_) == 1 || ::nbd_aio_is_closed(handle_) == 1;
  if (told == 0 && !dead) return {};
  return fail(ErrorCode::kPeerGone, fmt::format("{}: the connection to its server broke", name_));
}

Result<void> NbdClient::wait(const std::vector<NbdClient*>& clients, TimePoint deadline,
                             Clock& clock, const std::stop_token& stop) {
  const StopFd stopped(stop);
  std::vector<pollfd> fds{{stopped.get(), POLLIN, 0}};
  for (const NbdClient* client : clients) fds.push_back(client->polled());
  if (::poll(fds.data(), fds.size(), milliseconds_until(deadline, clock)) < 0 && errno != EINTR) {
    return fail(errno_error("waiting for disks' servers", errno));
  }
  if (stop.stop_requested()) return fail(ErrorCode::kInterrupted, "copying disks was given up");
  for (std::size_t i = 0; i < clients.size(); ++i) {
    if (fds[i + 1].revents != 0) GODWIT_CHECK_OK(clients[i]->notify(fds[i + 1].revents));
  }
  return {};
}

Result<void> NbdClient::await(const std::optional<int>& error, std::string_view what,
                              const std::stop_token& stop) {
  const TimePoint deadline = clock_.now() + kPatience;
  while (!error) {
    if (clock_.now() >= deadline) {
      return fail(ErrorCode::kTimeout, fmt::format("{}: {}: no answer", name_, what));
    }
    GODWIT_CHECK_OK(wait({this}, deadline, clock_, stop));
  }
  if (*error == 0) return {};
  return fail(ErrorCode::kRefused, fmt::format("{}: {}: {}", name_, what, std::strerror(*error)));
}

Result<void> NbdClient::read(Range range, void* into, Done done) {
  const auto begun =
      ::nbd_aio_pread(handle_, into, static_cast<std::size_t>(range.length()),
                      static_cast<std::uint64_t>(range.begin), on_done(std::move(done)), 0);
  return begun < 0 ? Result<void>(fail(failure("reading"))) : Result<void>();
}

Result<void> NbdClient::write(Range range, const void* from, Done done) {
  const auto begun =
      ::nbd_aio_pwrite(handle_, from, static_cast<std::size_t>(range.length()),
                       static_cast<std::uint64_t>(range.begin), on_done(std::move(done)), 0);
  return begun < 0 ? Result<void>(fail(failure("writing"))) : Result<void>();
}

/// A server may answer less than it was asked for, so it is asked on from there. Its last extent
/// may reach beyond what was asked for.
Result<std::vector<Extent>> NbdClient::extents(const std::string& context, Range range,
                                               const std::stop_token& stop) {
  constexpr const char* kWhat = "asking what it holds";
  const auto sink = std::make_shared<ExtentSink>(ExtentSink{context, {}});
  std::vector<Extent>& found = sink->found;
  for (std::int64_t at = range.begin; at < range.end;) {
    auto error = std::make_shared<std::optional<int>>();
    const std::size_t before = found.size();
    const nbd_extent_callback take{take_extents, new SharedSink(sink), forget_sink};
    const auto begun = ::nbd_aio_block_status(
        handle_, static_cast<std::uint64_t>(std::min(kMostAtOnce, range.end - at)),
        static_cast<std::uint64_t>(at), take, on_done([error](int e) { *error = e; }), 0);
    if (begun < 0) return fail(failure(kWhat));
    GODWIT_CHECK_OK(await(*error, kWhat, stop));
    if (found.size() == before || found.back().range.end <= at) {
      return fail(ErrorCode::kProtocol, fmt::format("{}: {}: an empty answer", name_, kWhat));
    }
    at = found.back().range.end;
  }
  if (!found.empty()) found.back().range.end = std::min(found.back().range.end, range.end);
  return std::move(found);
}

Result<void> NbdClient::discard(Range range, const std::stop_token& stop) {
  for (std::int64_t at = range.begin; at < range.end; at += kMostAtOnce) {
    auto error = std::make_shared<std::optional<int>>();
    const auto begun =
        ::nbd_aio_trim(handle_, static_cast<std::uint64_t>(std::min(kMostAtOnce, range.end - at)),
                       static_cast<std::uint64_t>(at), on_done([error](int e) { *error = e; }), 0);
    if (begun < 0) return fail(failure("discarding"));
    GODWIT_CHECK_OK(await(*error, "discarding", stop));
  }
  return {};
}

Result<void> NbdClient::put(Range range, char value, const std::stop_token& stop) {
  struct Request {
    std::vector<char> content;
    std::optional<int> error;
  };
  const auto request = std::make_shared<Request>();
  request->content.assign(static_cast<std::size_t>(range.length()), value);
  GODWIT_CHECK_OK(write(range, request->content.data(), [request](int e) { request->error = e; }));
  return await(request->error, "writing", stop);
}

Result<void> NbdClient::flush(const std::stop_token& stop) {
  auto error = std::make_shared<std::optional<int>>();
  const auto begun = ::nbd_aio_flush(handle_, on_done([error](int e) { *error = e; }), 0);
  if (begun < 0) return fail(failure("flushing"));
  return await(*error, "flushing", stop);
}

}  // namespace godwit::disks
