#include "guest_control.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "godwit/base/clock.h"
#include "godwit/base/stop_fd.h"
#include "godwit/base/unique_fd.h"
#include "netns.h"
#include "wait_on.h"

namespace godwit::lab {
namespace {

constexpr std::size_t kLongestAnswer = 4096;

Result<UniqueFd> begin_connecting(const GuestControl& guest) {
  UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return fail(errno_error("opening a socket", errno));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(guest.port));
  inet_pton(AF_INET, guest.address.c_str(), &address.sin_addr);
  sockaddr generic{};
  std::memcpy(&generic, &address, sizeof address);
  // A refusal shows as soon as something is sent.
  (void)connect(fd.get(), &generic, sizeof address);
  return fd;
}

/// One request and its answer, by a deadline.
class Talk {
 public:
  Talk(UniqueFd fd, std::string who, TimePoint deadline, int stopped)
      : fd_(std::move(fd)), who_(std::move(who)), deadline_(deadline), stopped_(stopped) {}

  Result<void> send(std::string_view request) {
    while (!request.empty()) {
      GODWIT_CHECK_OK(wait(POLLOUT));
      const ssize_t sent = ::send(fd_.get(), request.data(), request.size(), MSG_NOSIGNAL);
      if (sent > 0) {
        request.remove_prefix(static_cast<std::size_t>(sent));
      } else if (errno != EAGAIN && errno != EINTR) {
        return gone(std::strerror(errno));
      }
    }
    return {};
  }

  Result<std::string> receive_line() {
    std::string line;
    std::array<char, 512> buffer{};
    for (;;) {
      GODWIT_CHECK_OK(wait(POLLIN));
      const ssize_t got = recv(fd_.get(), buffer.data(), buffer.size(), 0);
      if (got == 0) return gone("it hung up");
      if (got < 0 && errno != EAGAIN && errno != EINTR) return gone(std::strerror(errno));
      if (got > 0) line.append(buffer.data(), static_cast<std::size_t>(got));
      if (const std::size_t end = line.find('\n'); end != std::string::npos) {
        return line.substr(0, end);
      }
      if (line.size() > kLongestAnswer) {
        return fail(ErrorCode::kProtocol, who_ + " answers without an end",
                    "build the guest's image anew: ./dev build");
      }
    }
  }

 private:
  [[nodiscard]] tl::unexpected<Error> gone(std::string_view why) const {
    return fail(ErrorCode::kPeerGone, fmt::format("{} can't be told what to do: {}", who_, why),
                "see whether it runs and is ready: godwit lab status");
  }

  Result<void> wait(short events) const {
    switch (wait_on(fd_.get(), events, deadline_, stopped_)) {
      case Woken::kReady:
        return {};
      case Woken::kLate:
        return fail(ErrorCode::kTimeout, who_ + " did not do in time what it was told",
                    "give it more time: it fills its memory or disk first");
      case Woken::kStopped:
        return fail(ErrorCode::kInterrupted, "waiting for " + who_ + " was stopped",
                    "it may have taken up its new load: see godwit lab status");
    }
    return {};
  }

  UniqueFd fd_;
  std::string who_;
  TimePoint deadline_;
  int stopped_;
};

constexpr std::string_view kError = "error ";

/// One line to the guest, and its answer: "ok" or an error's.
Result<std::string> ask(const GuestControl& guest, const std::string& line, Seconds patience,
                        const std::stop_token& stop) {
  const RealClock clock;
  const StopFd stopped(stop);
  GODWIT_TRY(UniqueFd fd, in_netns(guest.netns, [&guest] { return begin_connecting(guest); }));
  Talk talk(std::move(fd), "the guest at " + guest.address, clock.now() + patience, stopped.get());
  GODWIT_CHECK_OK(talk.send(line + "\n"));
  GODWIT_TRY(std::string answer, talk.receive_line());
  if (answer == "ok" || answer.starts_with(kError)) return answer;
  return fail(ErrorCode::kProtocol, fmt::format("the guest answered '{}'", answer),
              "build the guest's image anew: ./dev build");
}

}  // namespace

Result<void> tell_load(const GuestControl& guest, const std::string& load, Seconds patience,
                       const std::stop_token& stop) {
  GODWIT_TRY(const std::string answer, ask(guest, "load " + load, patience, stop));
  if (answer == "ok") return {};
  return fail(ErrorCode::kBadInput,
              fmt::format("the guest refused the load: {}", answer.substr(kError.size())),
              "guest/README.md says what it takes; its former load is not ended by a mistyped one");
}

Result<void> tell_power_off(const GuestControl& guest, Seconds patience,
                            const std::stop_token& stop) {
  GODWIT_TRY(const std::string answer, ask(guest, "poweroff", patience, stop));
  if (answer == "ok") return {};
  return fail(ErrorCode::kRefused,
              fmt::format("the guest won't power off: {}", answer.substr(kError.size())),
              "build the guest's image anew: ./dev build");
}

}  // namespace godwit::lab
