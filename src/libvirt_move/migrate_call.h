#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "godwit/base/clock.h"
#include "godwit/domain/migration_plan.h"
#include "godwit/libvirt/connection.h"

/// Private to libvirt_move.

namespace godwit::libvirt_move {

using libvirt::Connection;
using libvirt::EventQueue;
using libvirt::Parameters;

/// What libvirt is asked for.
struct MigrateOrder {
  MigrationPlan plan;
  std::string destination_uri;
  /// Where the source connects to, by libvirt's URI ("tcp://127.0.0.1:49190"); the destination
  /// listens at that port. Empty: as libvirt chooses.
  std::string stream{};
};

/// VIR_MIGRATE_… for a plan, without who carries it out.
[[nodiscard]] unsigned flags_for(const MigrationPlan& plan);
/// VIR_MIGRATE_PARAM_… for it.
void add_parameters(Parameters& parameters, const MigrateOrder& order);

/// libvirt's one call that migrates, which blocks until the end: in a thread of its own. The
/// session asks it whether it has returned.
class MigrateCall {
 public:
  struct End {
    bool well = false;
    bool lost = false;  ///< the connection broke: nothing is known of the migration
    std::optional<Error> error;
    bool direct = false;       ///< this process went between the daemons
    std::string peer_problem;  ///< why peer-to-peer was not possible; empty where it was
    TimePoint at{};
  };

  MigrateCall(std::shared_ptr<Connection> source, std::shared_ptr<Connection> destination,
              std::string uuid, MigrateOrder order, std::shared_ptr<EventQueue> queue);
  /// Waits for the call to return.
  ~MigrateCall();
  MigrateCall(const MigrateCall&) = delete;
  MigrateCall& operator=(const MigrateCall&) = delete;

  /// Something was sent, or it is to end: it is not tried another way any more.
  void commit() { committed_ = true; }
  [[nodiscard]] std::optional<End> end() const;

 private:
  void run();
  End peer_to_peer(virDomainPtr domain);
  End direct(virDomainPtr domain);
  End failed(std::string_view what) const;

  std::shared_ptr<Connection> source_;
  std::shared_ptr<Connection> destination_;
  std::string uuid_;
  MigrateOrder order_;
  std::shared_ptr<EventQueue> queue_;
  RealClock clock_;
  std::atomic<bool> committed_{false};
  mutable std::mutex mutex_;
  std::optional<End> end_;
  std::thread thread_;
};

}  // namespace godwit::libvirt_move
