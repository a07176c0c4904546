// The port on which the load is changed while it runs.
#pragma once

#include <cstdint>

#include "engine.h"
#include "reporter.h"
#include "stop.h"
#include "stream_server.h"

namespace godwit::guest {

// Lines of printable ASCII (README): "load SPEC", "status" and "poweroff".
class ControlServer {
 public:
  // Opens the port; throws std::system_error.
  ControlServer(std::int64_t port, Engine& engine, Reporter& reporter);

  void run(const Until& until) { server_.run(until); }
  [[nodiscard]] std::int64_t port() const { return server_.port(); }

 private:
  StreamServer server_;
};

}  // namespace godwit::guest
