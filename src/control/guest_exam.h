#pragma once

#include <cstdint>
#include <optional>

#include "godwit/base/clock.h"
#include "godwit/domain/outcome.h"
#include "godwit/domain/ports.h"

namespace godwit::control {

/// Looks at the guest before and after a migration and says whether it is alive and what it lost.
class GuestExam {
 public:
  /// Either may be null.
  GuestExam(Clock& clock, GuestCheck* check, OutageProbe* probe)
      : clock_(clock), check_(check), probe_(probe) {}

  /// Measures the guest's usual pace of work, just before the migration (takes a second when there
  /// is a check, otherwise nothing).
  void before();
  /// From now on what the guest does counts as done during the migration: after a wait since
  /// `before`, whose pace stands.
  void mark();
  /// Examines the guest on the side where it runs now; waits up to some seconds for proof of life.
  /// `moved_wall_us` is when the guest began to run there.
  [[nodiscard]] GuestOutcome after(Side side, std::int64_t moved_wall_us);

 private:
  struct Sample {
    TimePoint when;
    std::int64_t work = 0;
  };
  [[nodiscard]] std::optional<Sample> sample(Side side);
  struct Watched {
    GuestVitals last;
    bool works = false;
    std::optional<Ratio> slowdown;  ///< up to its first report on that side
  };
  [[nodiscard]] Watched watch(Side side);
  [[nodiscard]] std::optional<Ratio> slowdown(std::int64_t work) const;

  Clock& clock_;
  GuestCheck* check_;
  OutageProbe* probe_;
  std::optional<Sample> start_;       ///< last look before the migration
  std::optional<double> usual_pace_;  ///< work per second
};

}  // namespace godwit::control
