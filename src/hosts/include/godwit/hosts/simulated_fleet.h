#pragma once

#include <cstdint>
#include <string>

#include "godwit/hosts/fleet.h"
#include "godwit/hosts/fleet_file.h"

namespace godwit::hosts {

/// Hosts and VMs that are only written down. A move happens in the twin, and takes no time here;
/// the same VM and host have the same chances each time.
class SimulatedFleet final : public Fleet {
 public:
  /// `name`: for people. `file`: read for a simulation. `run`: others have other chances.
  SimulatedFleet(std::string name, FleetFile file, std::uint64_t run = 0);

  Result<fleet::Inventory> look() override;
  Result<VmAddress> address_of(const std::string& vm) override;
  [[nodiscard]] std::optional<GuestProfile> known_profile(const std::string& vm) const override;

  Result<std::string> settle(const std::string& vm, std::stop_token stop) override;
  Result<void> check_destination(const std::string& vm, const std::string& host) override;
  Result<MigrationOutcome> move(const fleet::MoveOrder& order, fleet::MoveWatcher& watcher,
                                std::stop_token stop) override;

 private:
  std::string name_;
  FleetFile file_;
  std::uint64_t run_;
};

}  // namespace godwit::hosts
