#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "godwit/base/error.h"
#include "godwit/domain/guest_profile.h"
#include "godwit/domain/link.h"
#include "godwit/domain/migration_plan.h"
#include "godwit/domain/prediction.h"
#include "godwit/domain/technique.h"
#include "godwit/model/dirty_curve.h"
#include "godwit/model/phases.h"
#include "godwit/twin/guest.h"
#include "godwit/twin/host_pair.h"
#include "godwit/twin/migration.h"

/// What a migration will cost: the twin is run, and the runs are summed up. Every technique that
/// moves a running guest, by its parts: streams and codec decide what pages become and how fast
/// they are coded, the throttle and the ending how passes go on and end.

namespace godwit::twin {

struct Options {
  HostPairConstants pair;
  Seconds max_time{120};  ///< a migration that takes longer does not converge
  /// Runs whose chances are drawn, from which intervals are taken (Monte Carlo). 0: expectation
  /// only; intervals then reach from a run in which all goes well to one in which all goes badly,
  /// which is wider, and takes a fraction of the time. Of a guest in phases some are always drawn.
  int draws = 0;
  std::uint64_t seed = 1;  ///< of the draws: the same seed, the same prediction
};
/// Draws for an answer that somebody waits for: an interval's bounds then vary by a few percent of
/// its width from seed to seed.
inline constexpr int kManyDraws = 200;
/// Draws for a guest in phases where none were asked for: what becomes of its migrations is chance.
inline constexpr int kFewDraws = 16;

[[nodiscard]] bool predicts(Technique technique);
/// Only of a guest whose profile says what its pages hold?
[[nodiscard]] bool needs_contents(Technique technique);
/// Does the profile not say what lies at the end of RAM, as those that older versions took? What a
/// switchover after a first pass sends is there: without it the twin takes the end for a kernel's
/// and for as dense as all of RAM.
[[nodiscard]] bool guesses(const GuestProfile& profile, Technique technique);

/// Stream bytes that the source's host can compress in a second, for a technique that compresses;
/// nothing for others, or where the profile does not say what compressing takes. kBadInput: a
/// broken profile.
[[nodiscard]] Result<std::optional<BytesPerSecond>> compressing_rate(
    const GuestProfile& profile, Technique technique, const MigrationParameters& parameters,
    const HostPairConstants& pair);

/// What chance decides in one run, as numbers.
struct Chance {
  double speed = 1;
  double phase = 0.5;
  double data_at_end = 1;
  double overhead = 0;  ///< seconds, as those below; see HostPairConstants
  double device_state = 0;
  double resume = 0;
  double client = 0;
  double postcopy_stop = 0;
  double postcopy_resume = 0;
  double faults_at_once = 0;
  double faults_after_pass = 0;
  double still_waits = 0;
  double stream = 1;  ///< factor on the stream's bytes
  double coding = 1;  ///< factors, see Course
  double processors = 1;
  double brownout = 0;     ///< share of the guest's work
  double cpu = 1;          ///< factor on CPU times
  double curve = 0;        ///< standard normal quantile of how much the guest writes
  std::uint64_t life = 0;  ///< seed of what a guest in phases does
};

/// Predicts migrations of one guest over one link. Immutable, hence safe to share between threads.
class Predictor {
 public:
  /// kBadInput: a broken profile (no RAM, no curve, shares outside 0...1) or a link without a rate.
  static Result<Predictor> make(const GuestProfile& profile, const Link& link,
                                const Options& options = {});

  /// The prediction with these parameters; those absent are assumed and echoed in `.parameters`
  /// (max_bandwidth: the link's rate; downtime_limit: QEMU's 300 ms; precopy_share: 0 for
  /// post-copy, 1 for hybrid). `slowdown` is what the guest does less while it migrates: it stands
  /// still, waits for its first pages, is throttled; 0 for a guest that stood idle. A
  /// combination that was never measured has no ground: `.grounded` is false then, and `.why` says
  /// what is missing. kUnsupported: not one of the techniques above, or one that compresses and
  /// nobody looked what pages hold; kBadInput: a parameter or a combination that cannot be meant.
  Result<TechniquePrediction> predict(Technique technique,
                                      const MigrationParameters& parameters = {}) const;

 private:
  Predictor(Guest guest, const Link& link, const Options& options, const model::DirtyCurve& curve,
            std::optional<model::Phases> phases);

  Guest guest_;
  Link link_;
  Options options_;
  std::optional<model::Phases> phases_;  ///< where the guest's profile shows some
  // The likely run first; then those that intervals are taken from.
  std::vector<Chance> chances_;
  std::vector<model::Growth> growths_;
};

}  // namespace godwit::twin
