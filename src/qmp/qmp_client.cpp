#include "godwit/qmp/qmp_client.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>

#include "godwit/base/foreign_file.h"
#include "godwit/base/log.h"
#include "godwit/qmp/message.h"

namespace godwit::qmp {
namespace {

/// A peer may talk without being asked; what nobody fetches must not fill our memory.
constexpr std::size_t kMostQueuedEvents = 65536;
constexpr Seconds kConnectRetry{0.01};
constexpr const char* kStartQemuSo =
    "give the path of a QEMU's own monitor socket: -qmp unix:PATH,server=on,wait=off";

Result<sockaddr_un> socket_address(const std::string& path) {
  sockaddr_un address{};
  if (path.empty() || path.size() >= sizeof(address.sun_path)) {
    return fail(ErrorCode::kBadInput,
                fmt::format("a socket's path has 1 to {} characters, not {}: {}",
                            sizeof(address.sun_path) - 1, path.size(), excerpt(path)),
                "use a shorter path, for instance by a symbolic link");
  }
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    const int error = errno;
    if (error == ENOENT || error == ENOTDIR) {
      return fail(ErrorCode::kNotFound, fmt::format("no such socket: {}", path),
                  "check the path, and that the VM is running");
    }
    return fail(errno_error(fmt::format("cannot look at {}", path), error));
  }
  if (!S_ISSOCK(status.st_mode)) {
    return fail(ErrorCode::kBadInput, fmt::format("{} is not a socket", path), kStartQemuSo);
  }
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.c_str(), path.size());
  return address;
}

Error connect_error(const std::string& path, int error) {
  switch (error) {
    case ECONNREFUSED:
      return {ErrorCode::kNotFound, fmt::format("nobody listens on {} any more", path),
              "its QEMU has ended: start the VM again, or remove the stale socket"};
    case EPROTOTYPE:
      return {ErrorCode::kBadInput, fmt::format("{} is not a stream socket", path), kStartQemuSo};
    case EAGAIN:
      return {ErrorCode::kBusy, fmt::format("others are already waiting to be served on {}", path),
              "wait until they are done, or give QEMU one more -qmp socket"};
    default:
      return errno_error(fmt::format("cannot connect to {}", path), error);
  }
}

/// Connects; a full queue of waiting clients is retried until the deadline.
Result<UniqueFd> open_socket(const std::string& path, Clock& clock, TimePoint deadline) {
  GODWIT_TRY(const sockaddr_un address, socket_address(path));
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) return fail(errno_error("cannot make a socket", errno));
  while (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    const int error = errno;
    if (error == EINTR) continue;
    if (error != EAGAIN || clock.now() >= deadline) return fail(connect_error(path, error));
    clock.wait_until(std::min(deadline, clock.now() + kConnectRetry), {});
  }
  return fd;
}

/// sendmsg() of the bytes, with the descriptor attached where one is given. Never raises SIGPIPE.
ssize_t send_some(int socket, std::string_view bytes, int fd) {
  iovec piece{const_cast<char*>(bytes.data()), bytes.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  if (fd >= 0) {
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(header), &fd, sizeof(int));
  }
  return ::sendmsg(socket, &message, MSG_NOSIGNAL);
}

Error refusal_error(std::string_view command, const QmpRefusal& refusal) {
  std::string reason = refusal.description;
  std::replace_if(
      reason.begin(), reason.end(), [](unsigned char c) { return c < ' '; }, ' ');
  if (refusal.error_class == "CommandNotFound") {
    return {ErrorCode::kUnsupported, fmt::format("this QEMU has no command {}", command),
            "use a newer QEMU, or one built with that feature"};
  }
  return {ErrorCode::kRefused, fmt::format("QEMU refused {}: {}", command, reason),
          "act on QEMU's reason; a refused command changes nothing"};
}

Result<std::string> encode(std::string_view verb, std::string_view command, const Json& arguments,
                           std::int64_t id) {
  try {
    Json message{{std::string(verb), command}, {"id", id}};
    if (!arguments.empty()) message["arguments"] = arguments;
    // escaped to ASCII; text that is no UTF-8 throws
    return message.dump(-1, ' ', true) + "\n";
  } catch (const Json::exception&) {
    return fail(ErrorCode::kBadInput, fmt::format("an argument of {} is not UTF-8 text", command),
                "use UTF-8 in names and addresses");
  }
}

}  // namespace

QmpClient::QmpClient(UniqueFd socket, std::string path, Clock& clock)
    : socket_(std::move(socket)), path_(std::move(path)), clock_(&clock) {
  ucred peer{};
  socklen_t size = sizeof(peer);
  if (::getsockopt(socket_.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0) {
    peer_pid_ = peer.pid;
    peer_uid_ = peer.uid;
  }
}

Result<QmpClient> QmpClient::connect(const std::string& path, Clock& clock, TimePoint deadline) {
  GODWIT_TRY(UniqueFd socket, open_socket(path, clock, deadline));
  QmpClient client(std::move(socket), path, clock);
  if (may_be_anybodys_socket(path, client.peer_uid_, ::geteuid())) {
    log::warning(
        "{} is served by another user's process (number {}), and everybody may put a socket there: "
        "make sure that it is your QEMU's",
        path, client.peer_uid_);
  }
  GODWIT_CHECK_OK(client.await_greeting(deadline));
  const Json wanted = client.oob_ ? Json{{"enable", Json::array({"oob"})}} : Json::object();
  GODWIT_CHECK_OK(client.execute("qmp_capabilities", wanted, deadline));
  return client;
}

Result<void> QmpClient::await_greeting(TimePoint deadline) {
  while (true) {
    GODWIT_TRY(const auto line, lines_.next());
    if (line) {
      const auto message = parse_message(*line);
      if (const auto* greeting = message ? std::get_if<Greeting>(&*message) : nullptr) {
        oob_ = greeting->oob;
        return {};
      }
      return fail(ErrorCode::kProtocol,
                  fmt::format("{} does not speak QMP: it said {}", path_, excerpt(*line)),
                  kStartQemuSo);
    }
    GODWIT_TRY(const bool more, receive(deadline));
    if (more) continue;
    if (!lines_.pending().empty()) {
      return fail(
          ErrorCode::kProtocol,
          fmt::format("{} does not speak QMP: it said {}", path_, excerpt(lines_.pending())),
          kStartQemuSo);
    }
    return fail(
        ErrorCode::kBusy,
        fmt::format("{} accepts but does not greet: another client holds the socket", path_),
        "close the other client (libvirt, a monitor, another godwit), or give QEMU one more "
        "-qmp socket");
  }
}

Result<Json> QmpClient::execute(std::string_view command, const Json& arguments,
                                TimePoint deadline) {
  return run("execute", command, arguments, -1, deadline);
}
Result<Json> QmpClient::execute_out_of_band(std::string_view command, const Json& arguments,
                                            TimePoint deadline) {
  return run(oob_ ? "exec-oob" : "execute", command, arguments, -1, deadline);
}
Result<Json> QmpClient::execute_with_fd(std::string_view command, const Json& arguments, int fd,
                                        TimePoint deadline) {
  return run("execute", command, arguments, fd, deadline);
}

Result<Json> QmpClient::run(std::string_view verb, std::string_view command, const Json& arguments,
                            int fd, TimePoint deadline) {
  if (broken_) return fail(*broken_);
  const std::int64_t id = ++last_id_;
  GODWIT_TRY(const std::string bytes, encode(verb, command, arguments, id));
  GODWIT_CHECK_OK(send(bytes, fd, deadline));
  while (true) {
    GODWIT_TRY(auto reply, take_reply(command, id));
    if (reply) return std::move(*reply);
    GODWIT_TRY(const bool more, receive(deadline));
    if (more) continue;
    abandoned_.insert(id);
    return fail(ErrorCode::kTimeout, fmt::format("QEMU did not answer {} in time", command),
                "look whether the QEMU process is stuck or the host overloaded");
  }
}

Result<void> QmpClient::send(std::string_view bytes, int fd, TimePoint deadline) {
  while (!bytes.empty()) {
    const ssize_t sent = send_some(socket_.get(), bytes, fd);
    if (sent > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(sent));
      fd = -1;
      continue;
    }
    const int error = errno;
    if (error == EINTR) continue;
    // The peer's last words are still to be read; whoever reads them finds the end as well.
    if (error == EPIPE || error == ECONNRESET) return {};
    if (error != EAGAIN) return broken(errno_error("cannot write to QEMU", error));
    GODWIT_TRY(const bool ready, wait_for(POLLOUT, deadline));
    if (!ready) {
      return broken({ErrorCode::kTimeout, fmt::format("QEMU does not read from {}", path_),
                     "look whether the QEMU process is stuck or stopped"});
    }
  }
  return {};
}

/// Takes in every complete message: events are queued, the reply to `id` is returned.
Result<std::optional<Json>> QmpClient::take_reply(std::string_view command, std::int64_t id) {
  while (true) {
    auto line = lines_.next();
    if (!line) return broken(line.error());
    if (!*line) return std::optional<Json>();
    auto message = parse_message(**line);
    if (!message) return broken(message.error());
    if (auto* event = std::get_if<QmpEvent>(&*message)) {
      if (events_.size() >= kMostQueuedEvents) {
        return broken({ErrorCode::kProtocol, "the peer sends events without end",
                       "check that the socket is a QEMU's QMP monitor"});
      }
      events_.push_back(std::move(*event));
      continue;
    }
    auto* reply = std::get_if<Reply>(&*message);
    if (reply != nullptr && reply->id && abandoned_.erase(*reply->id) > 0) continue;
    if (reply == nullptr || reply->id != id) {
      return broken({ErrorCode::kProtocol,
                     fmt::format("QEMU said what nobody asked for: {}", excerpt(**line)),
                     "check that the socket is a QEMU's QMP monitor"});
    }
    if (const auto* refusal = std::get_if<QmpRefusal>(&reply->result)) {
      return fail(refusal_error(command, *refusal));
    }
    return std::optional(std::get<Json>(std::move(reply->result)));
  }
}

Result<std::optional<QmpEvent>> QmpClient::next_event(TimePoint deadline) {
  while (true) {
    if (!events_.empty()) {
      QmpEvent event = std::move(events_.front());
      events_.pop_front();
      return std::optional(std::move(event));
    }
    if (broken_) return fail(*broken_);
    const auto drained = take_reply("", 0);  // no command has id 0: only events are welcome
    if (!events_.empty()) continue;          // what came before an error counts
    if (!drained) return fail(drained.error());
    GODWIT_TRY(const bool more, receive(deadline));
    if (!more) return std::optional<QmpEvent>();
  }
}

/// Reads one piece of the stream; false when the deadline passes first.
Result<bool> QmpClient::receive(TimePoint deadline) {
  GODWIT_TRY(const bool ready, wait_for(POLLIN, deadline));
  if (!ready) return false;
  std::array<char, 65536> piece;
  const ssize_t got = ::recv(socket_.get(), piece.data(), piece.size(), 0);
  if (got > 0) {
    lines_.feed({piece.data(), static_cast<std::size_t>(got)});
    return true;
  }
  const int error = errno;
  if (got < 0 && (error == EAGAIN || error == EINTR)) return true;
  if (got == 0 || error == ECONNRESET) {
    return broken({ErrorCode::kPeerGone, fmt::format("QEMU closed the connection on {}", path_),
                   "look in the VM's log why its QEMU ended"});
  }
  return broken(errno_error("cannot read from QEMU", error));
}

Result<bool> QmpClient::wait_for(short what, TimePoint deadline) {
  constexpr Nanoseconds kLongest = std::chrono::hours(1);  // keeps any deadline within a timespec
  while (true) {
    const Seconds left = std::max(Seconds(0), deadline - clock_->now());
    const Nanoseconds patience =
        left < kLongest ? std::chrono::duration_cast<Nanoseconds>(left) : kLongest;
    const timespec timeout{patience.count() / 1'000'000'000, patience.count() % 1'000'000'000};
    pollfd waiting{socket_.get(), what, 0};
    const int ready = ::ppoll(&waiting, 1, &timeout, nullptr);
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return broken(errno_error("cannot poll", errno));
    if (ready < 0 || left >= kLongest) continue;
    clock_->wait_until(deadline, {});  // a simulated clock does not move by itself
    return false;
  }
}

tl::unexpected<Error> QmpClient::broken(Error error) {
  broken_ = error;
  return fail(std::move(error));
}

}  // namespace godwit::qmp
