#include "message_receiver.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/socket.h>

#include <array>
#include <cstring>
#include <stdexcept>

#include "godwit/guest/message.h"

namespace godwit::e2e {
namespace {

UniqueFd listen_in(const std::string& netns, int port) {
  const UniqueFd there(::open(netns.c_str(), O_RDONLY | O_CLOEXEC));
  UniqueFd listener;
  // a thread of its own: the caller stays in its namespace
  std::jthread([&] {
    if (!there.valid() || ::setns(there.get(), CLONE_NEWNET) != 0) return;
    UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    sockaddr generic{};
    std::memcpy(&generic, &address, sizeof address);
    if (::bind(fd.get(), &generic, sizeof generic) == 0 && ::listen(fd.get(), 1) == 0) {
      listener = std::move(fd);
    }
  }).join();
  if (!listener.valid()) throw std::runtime_error("cannot listen in " + netns);
  return listener;
}

}  // namespace

MessageReceiver::MessageReceiver(const std::string& netns, int port)
    : listener_(listen_in(netns, port)),
      thread_([this](const std::stop_token& stop) { receive(stop); }) {}

MessageReceiver::~MessageReceiver() {
  thread_.request_stop();
  ::shutdown(listener_.get(), SHUT_RDWR);
}

void MessageReceiver::receive(const std::stop_token& stop) {
  const UniqueFd peer(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  const std::stop_callback on_stop(stop, [&peer] { ::shutdown(peer.get(), SHUT_RDWR); });
  std::string bytes;
  std::array<char, 65536> buffer{};
  for (;;) {
    const ssize_t got = ::recv(peer.get(), buffer.data(), buffer.size(), 0);
    if (got <= 0) break;
    bytes.append(buffer.data(), static_cast<std::size_t>(got));
    while (bytes.size() >= guest::kMessageHeaderBytes) {
      const auto header = guest::read_header(bytes);
      if (!header || header->sequence != static_cast<std::uint64_t>(in_order_)) {
        broken_ = true;
        return;
      }
      if (bytes.size() < header->length) break;
      bytes.erase(0, header->length);
      ++in_order_;
    }
  }
  broken_ = true;
}

}  // namespace godwit::e2e
