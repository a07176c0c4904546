// Serves the connections to one TCP port from one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "fd.h"
#include "stop.h"

namespace godwit::guest {

// What one connection speaks.
class Session {
 public:
  Session() = default;
  virtual ~Session() = default;
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Takes one thing (a request, a message) from the front of `input` and appends its answer;
  // called again while it took something and the answers before it are sent. False: what is in
  // `output` is the last word.
  virtual bool take(std::string& input, std::string& output) = 0;
};

// Whatever peers do, it costs only their own connection: input and output are bounded, and beyond
// so many connections the oldest goes, which may be of a peer that is gone.
class StreamServer {
 public:
  using Make = std::function<std::unique_ptr<Session>()>;

  // Opens the port; throws std::system_error.
  StreamServer(std::int64_t port, std::size_t most_connections, Make make);

  void run(const Until& until);
  [[nodiscard]] std::int64_t port() const;

 private:
  struct Connection {
    Fd fd;
    std::unique_ptr<Session> session;
    std::string input{};
    std::string output{};
    std::size_t sent = 0;
    bool ending = false;  // after what is still to be sent
    bool gone = false;
  };

  static constexpr std::size_t kMostInput = 1 << 17;  // two of the largest messages

  [[nodiscard]] std::vector<pollfd> interests() const;
  void accept_all();
  static void receive(Connection& connection);
  static void answer(Connection& connection);
  static void flush(Connection& connection);

  Fd listener_;
  std::size_t most_connections_;
  Make make_;
  std::list<Connection> connections_;
};

}  // namespace godwit::guest
