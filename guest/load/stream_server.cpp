#include "stream_server.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <utility>

#include "socket.h"

namespace godwit::guest {

StreamServer::StreamServer(std::int64_t port, std::size_t most_connections, Make make)
    : listener_(listen_tcp(port)), most_connections_(most_connections), make_(std::move(make)) {}

std::int64_t StreamServer::port() const {
  return port_of(listener_);
}

std::vector<pollfd> StreamServer::interests() const {
  std::vector<pollfd> fds{{listener_.get(), POLLIN, 0}};
  for (const Connection& connection : connections_) {
    const bool sending = !connection.output.empty();
    fds.push_back({connection.fd.get(), static_cast<short>(sending ? POLLOUT : POLLIN), 0});
  }
  fds.push_back({});  // for Until
  return fds;
}

void StreamServer::run(const Until& until) {
  while (!until.reached()) {
    std::vector<pollfd> fds = interests();
    if (!until.wait(fds)) continue;
    std::size_t i = 1;
    for (Connection& connection : connections_) {
      const short events = fds[i++].revents;
      if (events == 0) continue;
      if (!connection.output.empty()) {
        flush(connection);
      } else {
        receive(connection);
      }
      answer(connection);
    }
    connections_.remove_if([](const Connection& connection) { return connection.gone; });
    if (fds.front().revents != 0) accept_all();
  }
}

void StreamServer::accept_all() {
  for (;;) {
    Fd fd(accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!fd.valid()) return;
    const int on = 1;
    setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connections_.size() == most_connections_) connections_.pop_front();
    connections_.push_back({std::move(fd), make_()});
  }
}

void StreamServer::receive(Connection& connection) {
  std::array<char, 1 << 16> buffer;
  const ssize_t got = recv(connection.fd.get(), buffer.data(), buffer.size(), 0);
  if (got > 0) {
    connection.input.append(buffer.data(), static_cast<std::size_t>(got));
  } else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
    connection.gone = true;  // a request that was cut off is none
  }
}

void StreamServer::answer(Connection& connection) {
  while (!connection.gone && !connection.ending && connection.output.empty()) {
    const std::size_t before = connection.input.size();
    connection.ending = !connection.session->take(connection.input, connection.output);
    flush(connection);
    if (connection.input.size() == before) break;
  }
  if (connection.ending && connection.output.empty()) connection.gone = true;
  // Nothing that long was asked for: it would never be taken.
  if (connection.output.empty() && connection.input.size() > kMostInput) connection.gone = true;
}

void StreamServer::flush(Connection& connection) {
  std::string& output = connection.output;
  while (connection.sent < output.size()) {
    const ssize_t sent = send(connection.fd.get(), output.data() + connection.sent,
                              output.size() - connection.sent, MSG_NOSIGNAL);
    if (sent > 0) {
      connection.sent += static_cast<std::size_t>(sent);
    } else if (errno == EAGAIN) {
      return;
    } else if (errno != EINTR) {
      connection.gone = true;
      return;
    }
  }
  output.clear();
  connection.sent = 0;
}

}  // namespace godwit::guest
