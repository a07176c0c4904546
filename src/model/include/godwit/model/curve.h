#pragma once

#include "godwit/base/error.h"
#include "godwit/domain/guest_profile.h"
#include "godwit/domain/link.h"
#include "godwit/domain/migration_plan.h"
#include "godwit/domain/prediction.h"
#include "godwit/domain/technique.h"
#include "godwit/model/dirty_curve.h"

/// The predictor "curve": QEMU's rounds over a guest's dirty curve W(t), in closed steps without a
/// simulated clock. All techniques that move a running guest, but for `compress`.

namespace godwit::model {

/// What a pair of hosts and its QEMU add to what bytes and rates explain. Stated constants for now,
/// each with its source; in one place so that they can be learnt per pair later.
/// "Measured": QEMU 10.0.2, TCG, two cores, a link of 40 MB/s.
struct HostPairConstants {
  /// `migrate` accepted to the first page (measured: 1-13 ms), and the last page to "completed".
  Interval<Seconds> overhead{Seconds(0.03), Seconds(0.005), Seconds(0.15)};
  /// To send device state after the RAM left. Measured: 1-2 ms where no RAM was left.
  Interval<Seconds> device_state{Seconds(0.004), Seconds(0.001), Seconds(0.025)};
  /// The destination loads device state and resumes. Within QEMU's downtime, too: with return-path
  /// on, as Godwit migrates, it counts until the destination runs (0-4 ms from `events` in the 12
  /// migrations of docs/accuracy.md). Measured in 24 migrations of an idle guest: 33-113 ms,
  /// median 53.
  Interval<Seconds> resume{Seconds(0.05), Seconds(0.03), Seconds(0.11)};
  /// Until a client hears the guest again: resuming as above, announcing, the switch learning the
  /// new port. Measured in 24 migrations of tools/measure_predictions: `probe` less `events` 13-102
  /// ms, median 36.
  Interval<Seconds> client{Seconds(0.086), Seconds(0.05), Seconds(0.18)};
  /// QEMU's own downtime of post-copy. Measured: 1-5 ms, often 2. (Every fourth run reports the
  /// whole total time instead: a fault of QEMU's, not predicted.)
  Interval<Seconds> postcopy_stop{Seconds(0.002), Seconds(0.001), Seconds(0.006)};
  /// A guest that post-copy moved answers a client after so many page faults in sequence, each
  /// behind a sender's queue full of bulk pages; begun at once, and after one full pass. Fitted on
  /// the measured outages at 40 MB/s: 1.3-2.6 s at once, 0.6-1.4 s after a pass.
  Interval<double> faults_at_once{17, 11, 24};
  Interval<double> faults_after_pass{8.5, 4.5, 13};
  /// What the kernel queues for a connection: Linux's default for the largest tcp_wmem.
  Bytes sender_queue = Bytes(4 << 20);
  /// How far the stream's real rate is from the link's stated one, either way. Estimate.
  Ratio rate_error = Ratio(0.03);
  /// How far the stream's bytes are from what pages, headers and the dirty curve explain, either
  /// way. Measured: 12 pre-copies of docs/accuracy.md, 0.1 to 1.7 % more than predicted.
  Ratio stream_error = Ratio(0.02);
  /// QEMU limits its rate, and looks whether it may switch over, once per window (migration.c).
  Seconds window{0.1};
  /// Processors' worth that multifd's channels have for compressing, beside the guest and the
  /// destination on the same host. Estimate.
  double coding_cpus = 1;
  /// To find that a page is zero. Estimate, about 4 GB/s.
  Seconds zero_page_scan{1e-6};
};

struct CurveOptions {
  HostPairConstants pair;
  Seconds max_time{120};               ///< a migration that takes longer does not converge
  Interval<double> activity{1, 1, 1};  ///< see DirtyCurve::from_profile
};

/// Bytes that QEMU's ram.c adds to a page on the stream (offset and flags), and those that stand
/// for a page of zeros (the same and one byte).
inline constexpr double kPageHeader = 8;
inline constexpr double kZeroMark = 9;

inline constexpr Seconds kDefaultDowntimeLimit(0.3);  ///< QEMU's default

/// Can this model predict the technique?
[[nodiscard]] bool curve_predicts(Technique technique);

/// A guest's memory as QEMU's first pass meets it.
struct CurveMemory {
  double ram = 0;      ///< bytes
  double page = 4096;  ///< bytes
  double data = 0;     ///< bytes in pages that are not zero
  double zero_pages = 0;
  double cpu_use = 1;  ///< share of its vCPUs' time that the guest uses
  std::optional<PageContents> contents;
  std::optional<PageContents> changed_contents;
  std::optional<PageChange> change;
};

/// Predicts migrations of one guest over one link. Immutable, hence safe to share between threads.
class CurvePredictor {
 public:
  /// kBadInput: a broken profile (no RAM, no curve, shares outside 0...1) or a link without a rate.
  static Result<CurvePredictor> make(const GuestProfile& profile, const Link& link,
                                     const CurveOptions& options = {});

  /// The prediction with these parameters; those absent are assumed and echoed in `.parameters`
  /// (max_bandwidth: the link's rate; downtime_limit: QEMU's 300 ms; precopy_share: 0 for
  /// post-copy, 1 for hybrid). `slowdown` is absent where nothing is known of it. kUnsupported: not
  /// one of the techniques above; kBadInput: a parameter that cannot be meant.
  Result<TechniquePrediction> predict(Technique technique,
                                      const MigrationParameters& parameters = {}) const;

 private:
  CurvePredictor(const CurveMemory& memory, const Link& link, const CurveOptions& options,
                 DirtyCurve curve);

  CurveMemory memory_;
  Link link_;
  CurveOptions options_;
  DirtyCurve curve_;
};

}  // namespace godwit::model
