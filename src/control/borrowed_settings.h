#pragma once

#include <optional>

#include "godwit/control/settings.h"
#include "godwit/domain/hypervisor.h"

namespace godwit::control {

/// Migration settings of one side, borrowed for the length of a migration: what was changed is
/// given back by `give_back`, or at the latest by the destructor.
class BorrowedSettings {
 public:
  explicit BorrowedSettings(Hypervisor& side) : side_(side) {}
  BorrowedSettings(const BorrowedSettings&) = delete;
  BorrowedSettings& operator=(const BorrowedSettings&) = delete;
  ~BorrowedSettings() { give_back(); }

  Result<void> apply(const Settings& settings);
  /// A side that is gone has nothing to be given back; other failures are logged.
  void give_back();
  /// Nothing will be given back: somebody else has to.
  void leave() { before_.reset(); }

 private:
  Hypervisor& side_;
  CapabilitySet switched_on_;
  CapabilitySet switched_off_;
  std::optional<MigrationParameters> before_;
};

}  // namespace godwit::control
