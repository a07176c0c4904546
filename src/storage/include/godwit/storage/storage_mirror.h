#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "godwit/base/clock.h"
#include "godwit/domain/hypervisor.h"
#include "godwit/domain/outcome.h"
#include "godwit/storage/disk_move.h"

namespace godwit::storage {

/// All of the disks before memory: the destination serves its own, empty ones, the source mirrors
/// into them, and memory follows once all have caught up. The capability pause-before-switchover
/// then holds the stopped guest back at the source until its disks over there are whole.
class StorageMirror final : public DiskMove {
 public:
  StorageMirror(Clock& clock, Hypervisor& source, Hypervisor& destination)
      : clock_(clock), source_(source), destination_(destination) {}
  ~StorageMirror() override { (void)give_back(); }

  Result<void> begin(const MoveRequest& request) override;
  Result<void> look() override;
  [[nodiscard]] bool ready() const override { return status_.ready && failure_.empty(); }
  [[nodiscard]] Bytes done() const override { return status_.done; }
  [[nodiscard]] Bytes left() const override { return status_.total - status_.done; }
  [[nodiscard]] const std::string& failure() const override { return failure_; }
  void hand_over() override;
  [[nodiscard]] bool let_go() const override { return let_go_us_.has_value(); }
  bool give_back() override;
  [[nodiscard]] StorageOutcome outcome(std::optional<std::int64_t> stopped_us) const override;

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

}  // namespace godwit::storage
