#pragma once

#include <memory>
#include <string>

#include "godwit/base/error.h"
#include "godwit/metrics/metrics.h"

namespace godwit::metrics {

/// Serves metrics by HTTP, at /metrics, from threads of its own.
class Server {
 public:
  /// `address`: "127.0.0.1:9817", "[::1]:9817"; port 0: one that is free. kBadInput for what is no
  /// address, kEnvironment where nobody can listen there. Needs `metrics` only for this call.
  ///
  /// What `kept_after` has is counted before the first scrape is answered: a counter that is lower
  /// for a moment than before a restart was reset, for Prometheus. A store that can't be read is
  /// said, and served without.
  static Result<std::unique_ptr<Server>> listen(const std::string& address, Metrics& metrics,
                                                const Metrics::KeptAfter& kept_after = {});
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// With the port that was found.
  [[nodiscard]] const std::string& address() const { return address_; }

 private:
  struct Parts;
  Server(std::unique_ptr<Parts> parts, std::string address);
  std::unique_ptr<Parts> parts_;
  std::string address_;
};

}  // namespace godwit::metrics
