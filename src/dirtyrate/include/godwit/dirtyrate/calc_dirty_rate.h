#pragma once

#include <functional>
#include <optional>
#include <string_view>
#include <utility>

#include "godwit/base/error.h"
#include "godwit/base/json.h"
#include "godwit/domain/dirty_meter.h"
#include "godwit/qmp/schema.h"

namespace godwit::dirtyrate {

/// QEMU's `calc-dirty-rate`, by the log of dirty pages that a migration would use: KVM's bitmap, or
/// its rings where the VM has those (`-accel kvm,dirty-ring-size=…`). Its third mode, by hashes of
/// a few pages, is not used: the profile's own are better. An emulated guest (TCG) is counted as
/// one that never writes.
///
/// QEMU says whole MiB a second, rounded down (of each vCPU, by rings), so that a count is known to
/// window * 1 MiB/s (migration/dirtyrate.c of 10.0). Rings that ran full were emptied meanwhile,
/// and a page that is written again is then counted again. Windows below a second: QEMU 8.2.
class CalcDirtyRate final : public DirtyMeter {
 public:
  /// Asks QEMU's monitor a question.
  using Ask = std::function<Result<Json>(std::string_view command, const Json& arguments)>;

  explicit CalcDirtyRate(Ask ask) : ask_(std::move(ask)) {}
  /// Does this QEMU count in milliseconds?
  [[nodiscard]] static bool is_known_to(const qmp::Schema& schema);

  Result<void> begin_count(Seconds window) override;
  Result<std::optional<DirtyCount>> dirty_count() override;

 private:
  Result<void> begin(DirtySource mode, Seconds window);

  Ask ask_;
  std::optional<DirtySource> mode_;  ///< that this VM has; absent before it was tried
  Seconds asked_{};
};

/// What `query-dirty-rate` answered, in milliseconds; nothing where there is no result (yet).
/// kProtocol: it is no such answer. kBusy: of another mode.
Result<std::optional<DirtyCount>> decode_dirty_rate(const Json& answer);

}  // namespace godwit::dirtyrate
