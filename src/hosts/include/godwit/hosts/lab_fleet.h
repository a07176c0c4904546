#pragma once

#include <mutex>
#include <string>

#include "godwit/hosts/fleet.h"

namespace godwit::hosts {

/// A lab's hosts and guests. Its hosts limit nothing: they share this machine.
class LabFleet final : public Fleet {
 public:
  /// `store`: the file that keeps outcomes; empty: the usual one.
  LabFleet(std::string lab, EngineMaker engines, std::string store)
      : lab_(std::move(lab)), engines_(std::move(engines)), store_(std::move(store)) {}

  Result<fleet::Inventory> look() override;
  Result<VmAddress> address_of(const std::string& vm) override;
  [[nodiscard]] bool can_postcopy() const override;

  Result<std::string> settle(const std::string& vm, std::stop_token stop) override;
  Result<void> check_destination(const std::string& vm, const std::string& host) override;
  Result<MigrationOutcome> move(const fleet::MoveOrder& order, fleet::MoveWatcher& watcher,
                                std::stop_token stop) override;

  /// Differs for a lab that was built anew under the same name.
  [[nodiscard]] static Result<std::string> key_of(const std::string& lab);

 private:
  std::string lab_;
  EngineMaker engines_;
  std::string store_;
  std::mutex changing_;  ///< of the lab: its own lock knows processes only
};

}  // namespace godwit::hosts
