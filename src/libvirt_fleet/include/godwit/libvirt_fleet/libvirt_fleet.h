#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
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
  /// keeps outcomes; empty: the usual one. `tls`: libvirt encrypts each move. `stop` ends waiting
  /// for daemons, but not where it is asked on which host a VM is. `clock` outlives it.
  LibvirtFleet(Clock& clock, std::string name, hosts::FleetFile file, std::string host,
               const std::vector<fleet::Entry>& entries, hosts::EngineMaker engines,
               std::string store, bool tls, std::stop_token stop);

  Result<fleet::Inventory> look() override;
  Result<VmAddress> address_of(const std::string& vm) override;
  Result<std::map<std::string, Error>> barred(const fleet::FleetVm& vm) override;
  [[nodiscard]] fleet::Costs costs(const std::vector<fleet::Entry>& entries) const override;

  Result<std::string> settle(const std::string& vm, std::stop_token stop) override;
  Result<void> check_destination(const std::string& vm, const std::string& host) override;
  Result<MigrationOutcome> move(const fleet::MoveOrder& order, fleet::MoveWatcher& watcher,
                                std::stop_token stop) override;

 private:
  using Connected = std::shared_ptr<libvirt::Connection>;
  using Looks = std::map<std::string, libvirt::HostFacts>;
  /// The one connection to a host, which is opened anew where it is lost.
  struct Line {
    std::atomic<unsigned> attempts{0};
    std::mutex opening{};  ///< of what follows: one attempt at a time
    Connected connection{};
    std::optional<Error> failed{};  ///< the last attempt
  };
  struct Answers;

  Result<Connected> connect(const std::string& host, const std::stop_token& stop);
  void note_silence(const std::string& host, const Error& why);
  void note_answer(const std::string& host);
  [[nodiscard]] std::optional<Error> silence_of(const std::string& host);
  Result<Looks> look_at_all();
  Result<void> ask(const std::string& host, const std::string& vm, Answers& answers);
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
  std::stop_token stop_;
  std::map<std::string, Line> lines_;      ///< to each host
  std::mutex mutex_;                       ///< of what follows; never held while a host is asked
  std::map<std::string, Error> silent_;    ///< hosts that did not answer when last asked, with why
  std::map<std::string, std::string> at_;  ///< the hosts of VMs, when last looked at
  std::map<std::string, std::string> open_;  ///< destinations of moves that were not ended
};

}  // namespace godwit::libvirt_fleet
