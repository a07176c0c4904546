#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "godwit/base/error.h"
#include "godwit/domain/migration_plan.h"
#include "godwit/domain/outcome.h"

namespace godwit::storage {

/// What a way to move disks has to know.
struct MoveRequest {
  std::string listen;  ///< the memory's, at the destination
  std::string stream;  ///< the memory's, as the source reaches it
  std::vector<MovedDisk> disks;
  MigrationParameters parameters;
};

/// The disks' part of a migration that takes them along: `begin`, `look` again and again until it
/// is `ready` for memory's turn, `hand_over` while the guest is held back before the switchover. Up
/// to `let_go` giving up is always safe: the guest has not left, and its own disks were never put
/// aside. One object for one migration, driven by that one's loop.
class DiskMove {
 public:
  DiskMove() = default;
  DiskMove(const DiskMove&) = delete;
  DiskMove& operator=(const DiskMove&) = delete;
  virtual ~DiskMove() = default;

  /// On error everything is as it was.
  virtual Result<void> begin(const MoveRequest& request) = 0;
  /// Sees how far it is. Errors are those of asking.
  virtual Result<void> look() = 0;
  [[nodiscard]] virtual bool ready() const = 0;
  [[nodiscard]] virtual Bytes done() const = 0;
  [[nodiscard]] virtual Bytes left() const = 0;
  /// Why the guest could not run on the disks over there; empty while it may.
  [[nodiscard]] virtual const std::string& failure() const = 0;

  /// To be called again and again while QEMU waits before the switchover, after `look`: makes the
  /// disks over there ready for the guest, and only then lets QEMU go on.
  virtual void hand_over() = 0;
  /// QEMU was told to go on: the switchover happens whatever is done here.
  [[nodiscard]] virtual bool let_go() const = 0;

  /// Gives up what runs, and leaves nothing behind. False where something is left, as its side
  /// could not be asked: to be called again. Without effect once all is given back.
  virtual bool give_back() = 0;

  /// Where the guest runs at the destination, to be called again and again: fetches what is still
  /// at the source. False once there is nothing left, or nothing to be done.
  virtual bool follow() { return false; }
  /// Of what had to follow all is there, and the source is not needed any more.
  [[nodiscard]] virtual bool independent() const { return true; }

  /// `stopped_us`: when the guest was stopped for the switchover. Without `ready_after`.
  [[nodiscard]] virtual StorageOutcome outcome(std::optional<std::int64_t> stopped_us) const = 0;
};

}  // namespace godwit::storage
