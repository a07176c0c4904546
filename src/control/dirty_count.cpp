#include "godwit/control/dirty_count.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "godwit/base/quantity.h"
#include "godwit/domain/dirty_meter.h"
#include "godwit/steer/passes.h"
#include "main_curve.h"

namespace godwit::control {
namespace {

constexpr Seconds kAskAgain{0.01};
/// Beyond a window: QEMU stops logging with its big lock, which a busy one holds for a while.
constexpr Seconds kOverdue{10};
/// Of what hashes saw: a count that shows less met another moment.
constexpr double kAsMuch = 0.9;

constexpr const char* kShortLook =
    "it was looked at for some seconds only, in which the guest was slower: KVM traps the first "
    "write to each page in a window";
constexpr const char* kRings =
    "; pages that are written again after a vCPU's ring ran full count again";

Result<void> check(Hypervisor& hypervisor) {
  GODWIT_TRY(const MigrationStatus status, hypervisor.migration_status());
  if (status.phase != MigrationPhase::kNone && !is_final(status.phase)) {
    return fail(ErrorCode::kBusy,
                fmt::format("the VM is migrating (phase {})", to_string(status.phase)),
                "profile it when that has ended");
  }
  GODWIT_TRY(const RunState state, hypervisor.run_state());
  if (state == RunState::kRunning) return {};
  return fail(ErrorCode::kBadInput,
              fmt::format("the VM is not running (state {})", to_string(state)),
              "only a running guest dirties memory: let it run (QMP: cont)");
}

Result<DirtyCount> count_once(Clock& clock, DirtyMeter& meter, Seconds window,
                              const std::stop_token& stop) {
  GODWIT_CHECK_OK(meter.begin_count(window));
  const TimePoint begun = clock.now();
  TimePoint look = begun + window;
  while (clock.wait_until(look, stop)) {
    GODWIT_TRY(const std::optional<DirtyCount> count, meter.dirty_count());
    if (count) return *count;
    if (clock.now() - begun > window + kOverdue) {
      return fail(
          ErrorCode::kTimeout,
          fmt::format("a count of {} had not ended {} later", human(window), human(kOverdue)),
          "QEMU ends it by itself");
    }
    look = clock.now() + kAskAgain;
  }
  return fail(ErrorCode::kInterrupted, "interrupted while dirtied pages were counted",
              "QEMU ends the count by itself; run the command again");
}

/// Means are of the middles of what may have been rounded.
std::vector<DirtyPoint> curve_of(const std::vector<DirtyCount>& counts) {
  std::vector<steer::Pass> passes;
  BytesPerSecond rounding;
  for (const DirtyCount& count : counts) {
    const Bytes half = (count.most - count.least) * Ratio(0.5);
    passes.push_back({count.window, count.least + half});
    rounding = std::max(rounding, half / count.window);
  }
  std::vector<DirtyPoint> points = steer::curve_of(std::move(passes));
  for (DirtyPoint& point : points) {
    point.low = std::max(Bytes(), point.low - rounding * point.window);
    point.high = point.high + rounding * point.window;
  }
  return points;
}

}  // namespace

Result<SourcedCurve> count_dirtied(Clock& clock, Hypervisor& hypervisor, const VmDescription& vm,
                                   const CountOptions& options, const std::stop_token& stop) {
  DirtyMeter* const meter = hypervisor.dirty_meter();
  if (meter == nullptr || vm.accelerator != "kvm") {
    return fail(ErrorCode::kUnsupported,
                "dirtied pages are counted by QEMU 8.2 and later, of guests on KVM");
  }
  std::vector<DirtyCount> counts;
  for (const Seconds window : options.windows) {
    GODWIT_CHECK_OK(check(hypervisor));
    GODWIT_TRY(const DirtyCount count, count_once(clock, *meter, window, stop));
    counts.push_back(count);
  }
  if (counts.empty()) return fail(ErrorCode::kBadInput, "a count needs windows");
  const DirtySource source = counts.front().source;
  const std::string rings = source == DirtySource::kDirtyRing ? kRings : "";
  return SourcedCurve{source, kShortLook + rings, curve_of(counts)};
}

void put_into(GuestProfile& profile, SourcedCurve counted) {
  const DirtyPoint* const hashed = comparable_point(profile, counted.points);
  const bool less = hashed != nullptr &&
                    counted.points.back().unique.as_double() < kAsMuch * hashed->unique.as_double();
  if (less) {
    profile.other_curves.push_back(std::move(counted));
  } else {
    make_main(profile, std::move(counted));
  }
}

}  // namespace godwit::control
