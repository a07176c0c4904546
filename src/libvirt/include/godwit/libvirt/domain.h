#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "godwit/base/clock.h"
#include "godwit/domain/address.h"
#include "godwit/domain/hypervisor.h"

namespace godwit::libvirt {

class Connection;
class EventQueue;
struct DomainEvent;
struct DomainFacts;
struct Handle;  ///< libvirt's, of the domain

/// A domain of libvirt's, to be looked at and followed. libvirt drives its QEMU: of what a
/// Hypervisor may be told this takes limits and the end of a migration, and refuses the rest with
/// kUnsupported. It never talks to QEMU itself, so that the domain is not tainted.
///
/// Its errors are those of Hypervisor; kEnvironment where libvirt's library is not installed. A
/// daemon that can't be reached (kPeerGone) says nothing of its domains.
class LibvirtDomain final : public Hypervisor {
 public:
  /// Without a URI it is the system's domain of that name; for who is not root, where the system's
  /// daemon has none or can't be asked, that of his own session (qemu:///session).
  /// kNotFound: there is no such domain. kRefused: it does not run. `clock` outlives it. `stop`
  /// ends waiting for a daemon, also when one is connected to anew.
  static Result<std::shared_ptr<LibvirtDomain>> connect(const LibvirtVm& address, Clock& clock,
                                                        const std::stop_token& stop = {});
  ~LibvirtDomain() override;

  [[nodiscard]] const std::string& uuid() const { return uuid_; }
  [[nodiscard]] const std::string& uri() const { return uri_; }
  /// As it was when it was connected to.
  [[nodiscard]] const DomainFacts& facts() const { return *facts_; }
  [[nodiscard]] const std::shared_ptr<Connection>& connection() const { return connection_; }

  Result<void> reconnect() override;
  /// By the daemon's word: it is shut off, and did not move away.
  [[nodiscard]] bool known_ended() override;
  /// The process is looked for on this host by the domain's UUID, wherever the daemon is.
  Result<VmDescription> describe() override;
  /// Sizes alone: where the blocks are in the process is not known (address 0).
  Result<RamLayout> ram_layout() override;
  Result<RunState> run_state() override;
  Result<MigrationStatus> migration_status() override;
  Result<DiskTraffic> disk_traffic() override;

  /// What libvirt switches on for every migration; of the rest it tells nothing.
  Result<CapabilitySet> capabilities() override;
  Result<void> set_capabilities(const CapabilitySet& on, const CapabilitySet& off) override;
  /// The downtime limit and the bandwidth.
  Result<MigrationParameters> parameters() override;
  /// Of the bandwidth libvirt takes whole MiB/s: it is rounded down, to 1 at least.
  Result<void> set_parameters(const MigrationParameters& parameters) override;

  Result<void> listen(const std::string& uri) override;
  Result<void> migrate(const std::string& uri) override;
  Result<void> start_postcopy() override;
  Result<void> cancel() override;
  Result<void> pause() override;
  Result<void> resume() override;
  Result<void> quit() override;
  Result<std::optional<HypervisorEvent>> next_event(TimePoint deadline) override;

 private:
  LibvirtDomain(Clock& clock, std::shared_ptr<Connection> connection, std::string uri,
                std::stop_token stop);
  static Result<std::shared_ptr<LibvirtDomain>> connect_at(const LibvirtVm& address, Clock& clock,
                                                           const std::stop_token& stop);
  Result<void> look_up(const std::string& domain);
  Result<void> listen_to_events();
  std::optional<DomainEvent> pull(TimePoint deadline);
  [[nodiscard]] bool moved_away();
  void await_statistics();
  Result<MigrationStatus> status_after_job();

  Clock& clock_;
  std::shared_ptr<Connection> connection_;
  std::string uri_;
  std::stop_token stop_;
  std::string uuid_;
  std::unique_ptr<Handle> handle_;
  std::unique_ptr<DomainFacts> facts_;
  std::shared_ptr<EventQueue> queue_;  ///< null until somebody asks for events
  std::deque<HypervisorEvent> told_;   ///< that were looked at already, and not given yet
  bool migrating_ = false;             ///< its outgoing migration was seen
  bool moved_away_ = false;            ///< the daemon said that it left for another host
  bool stopped_ = false;               ///< it said that it is shut off
  std::optional<MigrationStatus> ended_;
};

/// What every QEMU of a version can do, as libvirt does not tell.
[[nodiscard]] CapabilitySet abilities_of(int major, int minor);

}  // namespace godwit::libvirt
