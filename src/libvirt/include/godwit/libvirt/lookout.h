#pragma once

#include <memory>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "godwit/base/clock.h"
#include "godwit/base/error.h"

namespace godwit::libvirt {

class Connection;
class EventQueue;

/// A domain that leaves its host by a migration which is under way.
struct Departure {
  std::string name;
  std::string uuid;
};

/// Finds the migrations that leave a host, whoever started them. It asks for states and job
/// statistics, listens to events, and changes nothing. One thread.
class Lookout {
 public:
  /// kPeerGone: no daemon answers there. kEnvironment: no library. kInterrupted: `stop`.
  static Result<std::unique_ptr<Lookout>> open(const std::string& uri, const std::stop_token& stop);
  ~Lookout();
  Lookout(const Lookout&) = delete;
  Lookout& operator=(const Lookout&) = delete;

  /// Those of now. Domains of the UUIDs in `known` are not asked, and not told. Blocks for as long
  /// as the daemon does: a question per domain that runs.
  Result<std::vector<Departure>> look(const std::set<std::string>& known);
  /// Returns when the daemon tells of a migration's pass, at `deadline`, or on a stop request.
  void wait(const Clock& clock, TimePoint deadline, const std::stop_token& stop);

 private:
  explicit Lookout(std::shared_ptr<Connection> connection);

  std::shared_ptr<Connection> connection_;
  std::shared_ptr<EventQueue> queue_;
};

}  // namespace godwit::libvirt
