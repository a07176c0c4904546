#pragma once

#include <functional>
#include <optional>
#include <stop_token>
#include <string>

#include "godwit/base/clock.h"
#include "godwit/domain/migration_plan.h"
#include "godwit/domain/outcome.h"
#include "godwit/domain/ports.h"

namespace godwit::control {

/// Whoever may end and begin a VM on both hosts: a hypervisor alone can't.
class ColdMover {
 public:
  using OnCopied = std::function<void(Bytes done, Bytes of)>;

  ColdMover() = default;
  ColdMover(const ColdMover&) = delete;
  ColdMover& operator=(const ColdMover&) = delete;
  virtual ~ColdMover() = default;

  /// Has the guest at the source shut down; returns once its VM has ended.
  virtual Result<void> shut_down() = 0;
  /// Copies its disks to the destination. kTimeout when that takes longer than `patience`,
  /// kInterrupted when stopped.
  virtual Result<void> copy_disks(Seconds patience, const OnCopied& on_copied,
                                  std::stop_token stop) = 0;
  /// Boots the guest there; returns once it is at work again. On error there is no VM there.
  virtual Result<void> boot(Side side) = 0;
  /// Is there a VM of it at the source?
  virtual Result<bool> runs_at_source() = 0;
};

struct ColdParties {
  ColdMover& mover;
  OutageProbe* probe = nullptr;  ///< null = nobody there to ask; so for the next three
  GuestCheck* check = nullptr;
  WireCounter* wire = nullptr;
  Journal* journal = nullptr;
  std::string source_name{};  ///< for the journal, as is the next
  std::string destination_name{};
};

/// Migrates a guest cold: shuts it down, copies its disks, boots it at the destination. What of
/// this fails, is stopped, or takes longer than `plan.max_time`, ends with the guest booted at the
/// source again, but for the boot at the destination, which is awaited.
///
/// `total_time` is from the wish to the guest being at work again. There is no downtime of QEMU's
/// or by events, and the guest begins anew: no slowdown. An Error means that nothing was begun.
/// Blocks; call it from one thread.
Result<MigrationOutcome> run_cold_migration(Clock& clock, const ColdParties& parties,
                                            const MigrationPlan& plan,
                                            const ColdMover::OnCopied& on_copied,
                                            std::stop_token stop);

}  // namespace godwit::control
