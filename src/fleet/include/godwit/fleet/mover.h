#pragma once

#include <optional>
#include <stop_token>
#include <string>

#include "godwit/base/error.h"
#include "godwit/control/migration_run.h"
#include "godwit/domain/outcome.h"
#include "godwit/fleet/estimate.h"
#include "godwit/fleet/fleet_plan.h"

namespace godwit::fleet {

/// Is told how a move comes along, in the move's own thread.
class MoveWatcher {
 public:
  MoveWatcher() = default;
  MoveWatcher(const MoveWatcher&) = delete;
  MoveWatcher& operator=(const MoveWatcher&) = delete;
  virtual ~MoveWatcher() = default;

  /// The destination's QEMU was started, and answers there (a QMP socket, or empty). An error: it
  /// can't be written down, and the move is not begun.
  virtual Result<void> destination_started(const std::string& monitor) = 0;
  /// All is ready. Blocks until it is this move's turn; false: it is not begun.
  virtual bool await_turn() = 0;
  virtual void on_progress(const control::Progress& progress) = 0;
  virtual void warning(const std::string& text) = 0;
};

/// Of the time that a move takes in 95 % of cases, after which it is given up.
inline constexpr double kPatience = 3;

/// One move, and what is known of it beforehand. The estimate outlives it.
struct MoveOrder {
  PlannedMove move;
  Seconds patience{};  ///< it is given up, and the guest stays, when it takes longer
  const Estimate* estimate = nullptr;
};

/// What a runner asks of a fleet's hosts. Every function may be called from any thread, for
/// different VMs at once.
class Mover {
 public:
  Mover() = default;
  Mover(const Mover&) = delete;
  Mover& operator=(const Mover&) = delete;
  virtual ~Mover() = default;

  /// The host on which the VM runs, asked of the VM itself. First ends what a Godwit that was
  /// killed has left of a move of this VM. kNotFound: it runs nowhere; kBusy: somebody else drives
  /// it, or it is not clear yet where it runs.
  virtual Result<std::string> settle(const std::string& vm, std::stop_token stop) = 0;

  /// May the host still take it? kRefused, kNotFound …, with why.
  virtual Result<void> check_destination(const std::string& vm, const std::string& host) = 0;

  /// Starts a destination, moves the VM, and ends the QEMU that no longer has it. Never stops a VM,
  /// nor starts one cold. An Error means that nothing was begun: the VM is where it was, and
  /// nothing is left of the destination. A stop request cancels as long as that is safe.
  virtual Result<MigrationOutcome> move(const MoveOrder& order, MoveWatcher& watcher,
                                        std::stop_token stop) = 0;
};

}  // namespace godwit::fleet
