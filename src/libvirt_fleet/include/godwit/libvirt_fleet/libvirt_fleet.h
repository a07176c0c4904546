#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "godwit/base/clock.h"
#include "godwit/fleet/record.h"
#include "godwit/hosts/fleet.h"
#include "godwit/hosts/fleet_file.h"
#include "godwit/libvirt/connection.h"
#include "godwit/libvirt/host.h"

namespace godwit::libvirt_fleet {

/// Hosts of libvirt's, each by its daemon's URI. What runs where, what hosts have room for and what
/// they can give a guest is asked of the daemons; a VM is called as its domain, or by its UUID
/// where two that run have one name. libvirt prepares destinations and ends sources by itself.
class LibvirtFleet final : public hosts::Fleet {
 public:
  /// `name`: for people. `file`: one with URIs. `host`: the one that it is about, which must
  /// answer; another one that doesn't takes no VMs. `entries`: the record's. `store`: the file that
  /// keeps outcomes; empty: the usual one. `tls`: libvirt encrypts each move. `clock` outlives it.
  LibvirtFleet(Clock& clock, std::string name, hosts::FleetFile file, std::string host,
               const std::vector<fleet::Entry>& entries, hosts::EngineMaker engines,
               std::string store, bool tls);

  Result<fleet::Inventory> look() override;
  Result<VmAddress> address_of(const std::string& vm) override;
  Result<std::map<std::string, Error>> barred(const fleet::FleetVm& vm) override;
  [[nodiscard]] fleet::Costs costs(const std::vector<fleet::Entry>& entries) const override;

  Result<std::string> settle(const std::string& vm, std::stop_token stop) override;
  Result<void> check_destination(const std::string& vm, const std::string& host) override;
  Result<MigrationOutcome> move(const fleet::MoveOrder& order, fleet::MoveWatcher& watcher,
                                std::stop_token stop) override;

 private:
  using Connections = std::map<std::string, std::shared_ptr<libvirt::Connection>>;
  using Looks = std::map<std::string, libvirt::HostFacts>;

  Result<std::shared_ptr<libvirt::Connection>> connect(const std::string& host);
  Result<Looks> look_at_all();
  Result<std::string> holder(const std::string& vm);
  [[nodiscard]] LibvirtVm address_at(const std::string& host, const std::string& vm) const;
  void set_open(const std::string& vm, std::optional<std::string> host);

  Clock& clock_;
  std::string name_;
  hosts::FleetFile file_;
  std::string host_;
  hosts::EngineMaker engines_;
  std::string store_;
  bool tls_;
  std::mutex mutex_;  ///< of what follows
  Connections connections_;
  std::set<std::string> silent_;             ///< hosts that did not answer when last looked at
  std::map<std::string, std::string> at_;    ///< the hosts of VMs, when last looked at
  std::map<std::string, std::string> open_;  ///< destinations of moves that were not ended
};

}  // namespace godwit::libvirt_fleet
