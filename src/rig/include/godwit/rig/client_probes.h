#pragma once

#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "godwit/base/clock.h"
#include "godwit/bench/trial.h"

namespace godwit::rig {

/// A load that has a client, and what that client must do.
struct ClientTask {
  enum class Kind { kTakeTcp, kTakeUdp, kSendTcp, kSendUdp, kAskHttp };
  Kind kind = Kind::kAskHttp;
  int port = 0;      ///< the client's own for kTake…, else the guest's
  std::string load;  ///< as it stands in the guest's report: "udp-receive"
  friend bool operator==(const ClientTask&, const ClientTask&) = default;
};

/// What a load asks of a client: its senders to `client` ("10.77.0.1"; what goes elsewhere is
/// none of our business), its receivers and pages. A spec that is no load asks for nothing: the
/// guest says what is wrong with it. Pure.
std::vector<ClientTask> client_tasks(const std::string& spec, const std::string& client);

/// Where the client stands and whom it speaks with.
struct ClientPlace {
  std::string netns;          ///< of the client
  std::string guest_address;  ///< "10.77.0.100"
};

/// One client of the guest, that measures while the guest migrates.
class ClientProbe {
 public:
  ClientProbe() = default;
  ClientProbe(const ClientProbe&) = delete;
  ClientProbe& operator=(const ClientProbe&) = delete;
  virtual ~ClientProbe() = default;

  /// The load runs: begins to measure, and returns once there is something. `report`: the file in
  /// which the guest reports.
  virtual Result<void> start(const ClientPlace& place, const std::string& report) = 0;
  /// After a migration: adds what was seen. `report`: of where the guest is now.
  virtual Result<void> stop(const MigrationOutcome& outcome, const std::string& report,
                            bench::Network& network) = 0;
};

/// All clients that a load needs. Made before the guest begins with the load, as its `tcp-send`
/// connects but once, and kept as long as it runs it. One thread.
class ClientProbes {
 public:
  /// Listens where the load will send to. `client_netns`: the lab's. `clock` outlives them.
  /// kBusy when another socket of the client has that port.
  static Result<ClientProbes> open(const std::string& spec, const std::string& client_netns,
                                   Clock& clock, const std::stop_token& stop);

  /// An error means that the guest doesn't do what its load says (kTimeout, kPeerGone), and nothing
  /// can be measured; or kInterrupted.
  Result<void> start(const ClientPlace& place, const std::string& report);
  /// What was seen; absent when the load has no client. A probe that failed leaves its figures
  /// away, and the reason in `trouble`. Takes as long as an outage goes on, 5 s at most for each.
  std::optional<bench::Network> stop(const MigrationOutcome& outcome, const std::string& report);

 private:
  std::vector<std::unique_ptr<ClientProbe>> probes_;
};

}  // namespace godwit::rig
