#pragma once

#include <memory>
#include <optional>
#include <string>

#include "godwit/base/units.h"
#include "godwit/domain/ports.h"

namespace godwit::probe {

struct PingOptions {
  std::string target;  ///< IPv4 address
  /// Ask from this network namespace (a path such as /run/netns/NAME or /proc/PID/ns/net).
  std::optional<std::string> netns;
  /// Time between two questions. 1 ms costs little of a core (docs say how much was measured).
  Seconds interval{0.001};
};

/// Sends ICMP echo requests on an absolute 1 ms schedule and notes when each answer arrives.
/// Needs CAP_NET_RAW in the namespace, or net.ipv4.ping_group_range to include the caller's group;
/// otherwise start() gives kPermission. One thread of its own between start() and stop();
/// answered_since() may be called from any thread. A probe is started once.
class PingProbe final : public OutageProbe {
 public:
  explicit PingProbe(PingOptions options);
  ~PingProbe() override;

  Result<void> start(Seconds patience) override;
  Result<ProbeReport> stop(Seconds linger) override;
  [[nodiscard]] bool answered_since(std::int64_t since_wall_us) const override;

 private:
  class Worker;
  PingOptions options_;
  std::unique_ptr<Worker> worker_;
};

}  // namespace godwit::probe
