#pragma once

#include <optional>
#include <string>
#include <vector>

#include "godwit/base/clock.h"
#include "godwit/control/settings.h"
#include "godwit/domain/hypervisor.h"
#include "godwit/domain/ports.h"

namespace godwit::pair {

/// Migration settings of one side, borrowed for the length of a migration. `plan` tells what will
/// be borrowed, for the journal; only then `take` changes them. They are given back by `give_back`,
/// or by the destructor where an error cut the way short, unless they were left to a successor.
class SettingsLease {
 public:
  explicit SettingsLease(Hypervisor& side) : side_(side) {}
  SettingsLease(const SettingsLease&) = delete;
  SettingsLease& operator=(const SettingsLease&) = delete;
  ~SettingsLease() { (void)give_back(); }

  /// Asks the side and changes nothing.
  Result<Lease> plan(const control::Settings& settings);
  Result<void> take();
  /// Also lends what `parameters` name, for `change` to change again and again. True: the lease
  /// grew, and the journal must have it before anything is changed.
  Result<bool> widen(const MigrationParameters& parameters);
  Result<void> change(const MigrationParameters& parameters) {
    return side_.set_parameters(parameters);
  }
  /// What is still to be given back.
  [[nodiscard]] const std::optional<Lease>& lease() const { return lease_; }
  /// False when it could not be done; `lease` then says what is left.
  bool give_back();
  /// Nothing will be given back here: the journal has it.
  void leave() { taken_ = false; }

 private:
  Hypervisor& side_;
  control::Settings settings_;
  std::optional<Lease> lease_;
  bool taken_ = false;
};

/// Gives back what a lease says: each setting that is still as it was borrowed. Returns their
/// names.
Result<std::vector<std::string>> give_back(Hypervisor& side, const Lease& lease);

}  // namespace godwit::pair
