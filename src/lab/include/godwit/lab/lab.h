#pragma once

#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include "godwit/base/error.h"
#include "godwit/base/units.h"
#include "godwit/lab/spec.h"

/// Hosts as network namespaces, guests in QEMU. What exists is written down in /run/godwit/<lab>/
/// and found again from the kernel (namespaces by name, processes by their command line), so that
/// any process can go on with a lab, and clean up after one that was killed at any moment.
///
/// Every function takes the lab's lock while it changes something; kBusy when another godwit holds
/// it. Missing programs or devices give kEnvironment, missing rights kPermission. Functions may be
/// called from any thread. Ordinary users call `enter_user_lab` (user_lab.h) first.

namespace godwit::lab {

/// One QEMU that has, had or awaits a guest.
struct Instance {
  std::string host;
  std::int64_t pid = 0;      ///< 0: the process is gone
  bool incoming = false;     ///< made by `prepare_destination`; its other instance not yet retired
  std::string qmp;           ///< socket for whoever drives the guest
  std::string observer_qmp;  ///< a second socket, for onlookers
  std::string console;       ///< file: what the guest's kernel said
  std::string report;        ///< file: what the guest's load says (guest_report.h)
  std::string stream;        ///< where it may listen for a migration: "tcp:10.78.0.12:4400"
  std::string disk;          ///< file: its drive's; empty without one
};

struct GuestStatus {
  GuestSpec spec;                   ///< `spec.host` is where it was started
  std::string address;              ///< on the service network: "10.77.0.100"
  std::vector<Instance> instances;  ///< the current one first, an incoming one after it
};

struct HostStatus {
  std::string name;
  std::string netns;                ///< path, as PingProbe and InterfaceCounter take it
  std::string migration_address;    ///< "10.78.0.11"
  std::string migration_interface;  ///< in that namespace
};

struct LabStatus {
  LabSpec spec;
  /// False: leftovers of a lab whose builder, or line, died; `down` removes them.
  bool complete = false;
  std::string client_netns;  ///< path; the client's address is 10.77.0.1
  std::vector<HostStatus> hosts;
  std::vector<GuestStatus> guests;
};

/// Builds the networks. Leftovers of that name are removed first; a complete lab of that name is
/// kBusy. On error nothing is left.
Result<LabStatus> up(const LabSpec& spec);

/// Shapes the migration network anew, under running guests and migrations. kNotFound without a
/// complete lab; after any other error some hosts may have the new rate already: call it again.
Result<void> set_migration_rate(const std::string& lab, BytesPerSecond rate);

/// Ends everything that carries the lab's name and waits until it is really gone. Also right
/// without a lab, with half of one, or when called twice.
Result<void> down(const std::string& lab);

/// kNotFound when there is no such lab (nor leftovers of one).
Result<LabStatus> status(const std::string& lab);
/// All labs that exist in this network of namespaces, leftovers too; sorted.
Result<std::vector<std::string>> list();
/// One guest of a lab; kNotFound names those that exist.
Result<GuestStatus> find_guest(const std::string& lab, const std::string& guest);
/// The QEMU that a guest has on a host, or (pid 0) would have there.
Result<Instance> find_instance(const std::string& lab, const std::string& guest,
                               const std::string& host);
Result<HostStatus> find_host(const std::string& lab, const std::string& host);

/// Starts QEMU; returns when its QMP sockets answer. The guest still boots: `wait_ready`.
Result<GuestStatus> start_guest(const std::string& lab, const GuestSpec& spec);

/// Returns once the guest's load runs at its rate (its memory filled). kTimeout after `patience`;
/// kBadInput when the load was refused; kPeerGone when QEMU ended; kInterrupted when stopped.
Result<void> wait_ready(const std::string& lab, const std::string& guest, Seconds patience,
                        std::stop_token stop = {});

/// Has the guest do something else, without a reboot: returns once the new load runs, its memory
/// and disk filled; `status` tells it from then on. Also right while the guest migrates. kBadInput
/// when the guest refuses: a load that is mistyped leaves the one that runs alone, one that can't
/// be made (no such disk, not so much memory) has it begun anew, or the guest idle, as the message
/// says. kTimeout after `patience`; kPeerGone when the guest can't be reached, as before it is
/// ready.
Result<void> change_load(const std::string& lab, const std::string& guest, const std::string& load,
                         Seconds patience, std::stop_token stop = {});

/// The same QEMU on another host, waiting with `-incoming defer`. A dead destination of earlier is
/// cleared away. kBusy while one lives, on whichever host: it may hold the guest, and only who
/// speaks QMP with both sides can tell; when it surely doesn't, `retire` it first. kBadInput when
/// the guest is on `host` already.
Result<Instance> prepare_destination(const std::string& lab, const std::string& guest,
                                     const std::string& host);

/// Ends the guest's instance on `host`, which the caller knows not to have the guest (any more).
/// The other instance is the guest's from then on. kRefused for the only living instance: ending
/// the guest itself is `stop_guest`.
Result<void> retire(const std::string& lab, const std::string& guest, const std::string& host);

/// Ends the guest with all its instances.
Result<void> stop_guest(const std::string& lab, const std::string& guest);

/// Runs a program in a host's network namespace (`kClient` for the client's) with this process's
/// terminal, and returns its exit status (128 + signal when a signal ended it). Call it with no
/// other thread running: it forks.
Result<int> shell(const std::string& lab, const std::string& host,
                  const std::vector<std::string>& arguments);

}  // namespace godwit::lab
