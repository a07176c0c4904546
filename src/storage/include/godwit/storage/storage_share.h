#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "godwit/base/clock.h"
#include "godwit/domain/disk_sharing.h"
#include "godwit/domain/hypervisor.h"
#include "godwit/storage/disk_move.h"

namespace godwit::storage {

class FetchPace;

/// How long a guest's read of what is absent waits for a source that can't be reached; then it
/// fails. A switch that starts anew takes a minute or two.
inline constexpr Seconds kReadPatience{180};

/// Copies a share of the disks, coldest first, and leaves the rest for afterwards: between the
/// switchover and the last byte the guest needs both hosts (docs/disks.md). `copier` null: it can't
/// be done from here, and `begin` says so.
class StorageShare final : public DiskMove {
 public:
  StorageShare(Clock& clock, Hypervisor& source, Hypervisor& destination, DiskCopier* copier);
  ~StorageShare() override;

  Result<void> begin(const MoveRequest& request) override;
  Result<void> look() override;
  [[nodiscard]] bool ready() const override { return step_ == Step::kReady && failure_.empty(); }
  [[nodiscard]] Bytes done() const override;
  [[nodiscard]] Bytes left() const override;
  [[nodiscard]] const std::string& failure() const override { return failure_; }
  void hand_over() override;
  [[nodiscard]] bool let_go() const override { return let_go_us_.has_value(); }
  bool give_back() override;
  bool follow() override;
  [[nodiscard]] bool independent() const override { return !let_go() || independent_us_; }
  [[nodiscard]] StorageOutcome outcome(std::optional<std::int64_t> stopped_us) const override;

 private:
  enum class Step { kIdle, kObserving, kCopying, kReady };

  Result<void> set_up();
  Result<void> begin_first_round();
  void end_round();
  [[nodiscard]] Bytes last_rounds_budget() const;
  Result<void> prepare_destination();
  void pace();
  bool judge(const Result<void>& done, std::string_view what);

  Clock& clock_;
  Hypervisor& source_;
  Hypervisor& destination_;
  DiskCopier* copier_;
  MoveRequest request_;
  StorageOffer source_offer_;
  Step step_ = Step::kIdle;
  std::string failure_;
  DiskCopyStatus copied_;
  Bytes copied_before_;  ///< this round
  int rounds_ = 0;
  TimePoint observe_until_{};
  TimePoint copying_since_{};
  Seconds copying_for_{};
  bool source_busy_ = false;       ///< may share for us
  bool destination_busy_ = false;  ///< may serve for us
  bool attached_ = false;          ///< the destination may stand on the source
  std::optional<std::int64_t> let_go_us_;
  std::optional<std::int64_t> independent_us_;
  bool keeps_sharing_ = false;
  RestStatus rest_;
  std::vector<FetchPace> paces_;  ///< of each disk
  TimePoint next_try_{};
  std::string said_;  ///< the last error of fetching
};

/// One step of fetching what is still at the source of disks whose guest runs at the destination;
/// for a successor, too. True while something is left. `status`, `sharing`: kept from step to step.
Result<bool> fetch_step(DiskSharing& source, DiskSharing& destination,
                        std::optional<BytesPerSecond> most, RestStatus& status, bool& sharing);

}  // namespace godwit::storage
