#include "forwarder.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <utility>

namespace godwit::e2e {
namespace {

sockaddr_un address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) throw std::runtime_error("too long: " + path);
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return address;
}

UniqueFd new_socket() {
  return UniqueFd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

/// What one end sent, to the other; false once it is gone.
bool pass_on(int from, int to) {
  std::array<char, 65536> bytes{};
  const ssize_t got = ::read(from, bytes.data(), bytes.size());
  return got > 0 && ::send(to, bytes.data(), static_cast<std::size_t>(got), MSG_NOSIGNAL) == got;
}

}  // namespace

Forwarder::Forwarder(std::string from, std::string to)
    : from_(std::move(from)),
      to_(std::move(to)),
      listener_(new_socket()),
      ended_(::eventfd(0, EFD_CLOEXEC)) {
  const sockaddr_un here = address_of(from_);
  if (::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&here), sizeof here) != 0 ||
      ::listen(listener_.get(), 1) != 0) {
    throw std::runtime_error("cannot listen on " + from_);
  }
  thread_ = std::thread([this] { serve(); });
}

Forwarder::~Forwarder() {
  cut();
}

void Forwarder::cut() {
  if (!thread_.joinable()) return;
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(ended_.get(), &one, sizeof one);
  thread_.join();
  listener_.reset();
  ::unlink(from_.c_str());
}

void Forwarder::serve() {
  for (;;) {
    std::array<pollfd, 2> waiting{pollfd{listener_.get(), POLLIN, 0},
                                  pollfd{ended_.get(), POLLIN, 0}};
    if (::poll(waiting.data(), waiting.size(), -1) < 0) continue;
    if (waiting[1].revents != 0) return;
    const UniqueFd near(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    const UniqueFd far = new_socket();
    const sockaddr_un there = address_of(to_);
    if (::connect(far.get(), reinterpret_cast<const sockaddr*>(&there), sizeof there) == 0) {
      carry(near, far);
    }
  }
}

/// Until either end hangs up, or this one is cut.
void Forwarder::carry(const UniqueFd& near, const UniqueFd& far) const {
  for (;;) {
    std::array<pollfd, 3> waiting{pollfd{near.get(), POLLIN, 0}, pollfd{far.get(), POLLIN, 0},
                                  pollfd{ended_.get(), POLLIN, 0}};
    if (::poll(waiting.data(), waiting.size(), -1) < 0) continue;
    if (waiting[2].revents != 0) return;
    if (waiting[0].revents != 0 && !pass_on(near.get(), far.get())) return;
    if (waiting[1].revents != 0 && !pass_on(far.get(), near.get())) return;
  }
}

}  // namespace godwit::e2e
