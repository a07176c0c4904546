#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "godwit/base/clock.h"
#include "godwit/domain/hypervisor.h"
#include "godwit/domain/outcome.h"

namespace godwit::pair {

/// The disks' part of a migration that takes them along: the destination serves its own, empty
/// ones, the source mirrors into them, and memory follows once all have caught up. The capability
/// pause-before-switchover then holds the stopped guest back at the source until its disks over
/// there are whole, so that up to `let_go` giving up is always safe: the guest has not left, and
/// its own disks were never put aside.
///
/// One object for one migration, driven by that one's loop.
class StorageMirror {
 public:
  StorageMirror(Clock& clock, Hypervisor& source, Hypervisor& destination)
      : clock_(clock), source_(source), destination_(destination) {}
  StorageMirror(const StorageMirror&) = delete;
  StorageMirror& operator=(const StorageMirror&) = delete;
  ~StorageMirror() { (void)give_back(); }

  /// `listen` and `stream` are the memory's. `most` is the limit of each mirror. On error
  /// everything is as it was.
  Result<void> begin(const std::string& listen, const std::string& stream,
                     const std::vector<MovedDisk>& disks, std::optional<BytesPerSecond> most);

  /// Asks the source how far its mirrors are. Errors are those of asking.
  Result<void> look();
  [[nodiscard]] bool ready() const { return status_.ready && failure_.empty(); }
  [[nodiscard]] Bytes done() const { return status_.done; }
  [[nodiscard]] Bytes left() const { return status_.total - status_.done; }
  /// Why the disks over there will not be whole; empty while they may be.
  [[nodiscard]] const std::string& failure() const { return failure_; }

  /// To be called again and again while QEMU waits before the switchover, after `look`: has the
  /// mirrors end; when they have, takes the destination's disks off the network, and only then lets
  /// QEMU go on.
  void hand_over();
  /// QEMU was told to go on: the switchover happens whatever is done here.
  [[nodiscard]] bool let_go() const { return let_go_us_.has_value(); }

  /// Gives up what runs, and leaves neither mirrors nor a server. False where something is left, as
  /// its side could not be asked: to be called again. Without effect once all is given back.
  bool give_back();

  /// `stopped_us`: when the guest was stopped for the switchover. Without `ready_after`.
  [[nodiscard]] StorageOutcome outcome(std::optional<std::int64_t> stopped_us) const;

 private:
  void release();
  bool let_source_forget();
  bool judge(const Result<void>& done, std::string_view what);

  Clock& clock_;
  Hypervisor& source_;
  Hypervisor& destination_;
  StorageStatus status_;
  std::string failure_;
  int disks_ = 0;
  bool source_busy_ = false;       ///< may have mirrors of ours
  bool destination_busy_ = false;  ///< may serve for us
  bool finishing_ = false;
  std::optional<std::int64_t> let_go_us_;
};

}  // namespace godwit::pair
