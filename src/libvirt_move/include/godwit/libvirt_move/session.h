#pragma once

#include <memory>
#include <string>

#include "godwit/base/clock.h"
#include "godwit/domain/cpu_quota.h"
#include "godwit/domain/ports.h"
#include "godwit/domain/session.h"
#include "godwit/domain/stream_carrier.h"
#include "godwit/libvirt/connection.h"
#include "godwit/libvirt/domain.h"

namespace godwit::libvirt_move {

using libvirt::Connection;
using libvirt::LibvirtDomain;

/// Both ends of a migration by libvirt. What they refer to outlives the session.
struct Ends {
  LibvirtDomain& source;
  std::shared_ptr<Connection> destination;
  std::string source_name;  ///< as the user wrote it, for the journal
  std::string destination_name;
  Journal* journal = nullptr;     ///< may be null
  CpuQuota* cpu_quota = nullptr;  ///< of the source; null: its vCPUs can't be slowed down from here
  /// Null: libvirt chooses the stream's way and paces it. Else this does, by TCP: the destination
  /// listens at the port of that number.
  StreamCarrier* carrier = nullptr;
};

/// One migration, driven by libvirt: peer-to-peer where the source's daemon reaches the
/// destination's by itself, else with this process between them (a remark says which). Then it
/// ends with this process: the source's daemon cancels what nobody asks for any more.
///
/// Of the downtime it knows the kind `events`: both daemons tell when the guest stops and goes on,
/// and the time is that of arrival here. The total time is that of the whole order, libvirt's own
/// preparing included. Borrowed are the domain's limits (downtime, and bandwidth if that is changed
/// on the way), which are given back where the guest stays, and the CPU time of its vCPUs if a law
/// orders less of it, which is given back as soon as memory is no longer sent.
///
/// libvirt lets a destination's guest go on only by its own word, after the source's has ended for
/// good; so a cancel behind a stopped guest could not make two, and is not given all the same.
std::unique_ptr<MigrationSession> make_session(Clock& clock, Ends ends);

}  // namespace godwit::libvirt_move
