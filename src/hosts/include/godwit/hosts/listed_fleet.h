#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "godwit/base/clock.h"
#include "godwit/fleet/record.h"
#include "godwit/hosts/fleet.h"
#include "godwit/hosts/fleet_file.h"

namespace godwit::hosts {

/// QEMUs of a fleet's file. Where a VM is now is told by the fleet's record, and by QEMU itself.
class ListedFleet final : public Fleet {
 public:
  /// `name`: for people. `entries`: the record's. `store`: as LabFleet.
  ListedFleet(Clock& clock, std::string name, FleetFile file,
              const std::vector<fleet::Entry>& entries, EngineMaker engines, std::string store);

  Result<fleet::Inventory> look() override;
  Result<VmAddress> address_of(const std::string& vm) override;

  Result<std::string> settle(const std::string& vm, std::stop_token stop) override;
  Result<void> check_destination(const std::string& vm, const std::string& host) override;
  Result<MigrationOutcome> move(const fleet::MoveOrder& order, fleet::MoveWatcher& watcher,
                                std::stop_token stop) override;

 private:
  struct Place {
    std::string host;
    std::string monitor;
  };
  [[nodiscard]] Result<Place> place_of(const std::string& vm);
  void set_place(const std::string& vm, Place place);
  [[nodiscard]] std::optional<Place> open_of(const std::string& vm);
  void set_open(const std::string& vm, std::optional<Place> place);
  Result<std::optional<fleet::FleetVm>> ask(const std::string& name, const ListedVm& listed);
  Result<QmpDestination> start(const fleet::PlannedMove& move, const std::stop_token& stop);
  [[nodiscard]] std::optional<std::string> end_unseen(const std::string& vm,
                                                      const std::string& host) const;
  Result<void> end(engine::Engine& engine, const std::string& vm, const Place& place);
  Result<MigrationOutcome> move_to(const fleet::MoveOrder& order, const QmpDestination& there,
                                   engine::Engine& engine, fleet::MoveWatcher& watcher);

  Clock& clock_;
  std::string name_;
  FleetFile file_;
  EngineMaker engines_;
  std::string store_;
  std::mutex mutex_;                 ///< of what follows
  std::map<std::string, Place> at_;  ///< where VMs are, as far as it is known
  /// Destinations of moves that were not ended; without a monitor where `start` did not live to
  /// tell it.
  std::map<std::string, Place> open_;
};

}  // namespace godwit::hosts
