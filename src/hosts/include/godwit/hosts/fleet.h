#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "godwit/base/error.h"
#include "godwit/domain/address.h"
#include "godwit/domain/guest_profile.h"
#include "godwit/engine/engine.h"
#include "godwit/fleet/inventory.h"
#include "godwit/fleet/mover.h"
#include "godwit/fleet/record.h"

namespace godwit::hosts {

/// An engine for one thread, which the token stops. Thread-safe.
using EngineMaker = std::function<std::unique_ptr<engine::Engine>(std::stop_token)>;

/// Hosts and VMs that are really there.
class Fleet : public fleet::Mover {
 public:
  /// What there is now; VMs that don't run are told apart. A VM that can't be asked is an error
  /// that names it.
  virtual Result<fleet::Inventory> look() = 0;
  /// Where a VM can be observed, for one that is in the inventory.
  [[nodiscard]] virtual Result<VmAddress> address_of(const std::string& vm) = 0;
  /// Of a VM that nobody has to observe.
  [[nodiscard]] virtual std::optional<GuestProfile> known_profile(const std::string& vm) const {
    (void)vm;
    return std::nullopt;
  }
  /// Hosts that can't take a VM of the inventory as it is, with why; the question may be asked of
  /// several VMs at once.
  [[nodiscard]] virtual Result<std::map<std::string, Error>> barred(const fleet::FleetVm& vm) {
    (void)vm;
    return std::map<std::string, Error>();
  }
  /// What moves cost beside their streams, by what is recorded of the fleet.
  [[nodiscard]] virtual fleet::Costs costs(const std::vector<fleet::Entry>& entries) const {
    return costs_of(entries);
  }
  /// False where it is known that the hosts forbid it.
  [[nodiscard]] virtual bool can_postcopy() const { return true; }
};

}  // namespace godwit::hosts
