#pragma once

#include <memory>
#include <string>
#include <vector>

#include "godwit/base/clock.h"
#include "godwit/domain/cpu_quota.h"
#include "godwit/domain/disk_sharing.h"
#include "godwit/domain/hypervisor.h"
#include "godwit/domain/migration_plan.h"
#include "godwit/domain/ports.h"
#include "godwit/domain/session.h"
#include "godwit/domain/stream_carrier.h"

namespace godwit::engine {

/// What a manager tells of both sides.
struct ManagedSides {
  VmDescription destination;  ///< its version and abilities: there is no VM yet
  CapabilitySet abilities;
  std::vector<std::string> warnings;
};

/// What a session is lent, each of it only where the plan needs it. It outlives the session.
struct Lent {
  CpuQuota* cpu_quota = nullptr;     ///< the source's
  StreamCarrier* carrier = nullptr;  ///< of its stream
  DiskCopier* disk_copier = nullptr;
};

/// Who owns the hypervisors on both sides, compares them and moves a VM by its own means: libvirt.
/// One thread.
class Manager {
 public:
  Manager() = default;
  Manager(const Manager&) = delete;
  Manager& operator=(const Manager&) = delete;
  virtual ~Manager() = default;

  /// Changes nothing. Errors as control's preflight.
  virtual Result<ManagedSides> look(const MigrationPlan& plan) = 0;
  /// One migration. The manager and the journal outlive it.
  virtual std::unique_ptr<MigrationSession> session(Journal& journal, const std::string& source,
                                                    const std::string& destination,
                                                    const Lent& lent) = 0;
};

}  // namespace godwit::engine
