#pragma once

#include <span>

#include "godwit/base/units.h"

/// The pre-copy model of Jin, Gao, Wu, Shi, Wu, Zhou, "Optimizing the live migration of virtual
/// machine by CPU scheduling" (2011), equations (1)-(10). Pure functions; the letters are theirs.

namespace godwit::model {

/// M, B, h and N of the paper; h and N default to its section 3 (Xen's own values).
struct JinSetup {
  Bytes memory;                                    ///< M: the VM's memory, more than 0
  BytesPerSecond bandwidth;                        ///< B: more than 0
  Bytes last_round_threshold = Bytes(256 * 1024);  ///< h: what may be left for the last round
  int max_rounds = 30;                             ///< N: at least 1
};

/// What equations (1)-(4) say of one migration.
struct JinMigration {
  int rounds = 0;      ///< n of eq. (2); the last one runs with the guest stopped
  Seconds total{};     ///< T_c of eq. (3)
  Seconds downtime{};  ///< t_n: the time of the last round
  Ratio redundancy;    ///< R of eq. (4): bytes sent / memory
};

/// Eqs (1)-(4) for per-round dirty rates p_1, p_2, ...; the last one holds for all later rounds, an
/// empty span is a guest that writes nothing.
[[nodiscard]] JinMigration jin_migration(const JinSetup& setup,
                                         std::span<const BytesPerSecond> dirty_rates);

/// Eq. (1): the time of round `round` (1 is the first) with the rates as above, without a
/// threshold.
[[nodiscard]] Seconds jin_round_time(const JinSetup& setup,
                                     std::span<const BytesPerSecond> dirty_rates, int round);

/// Eq. (5): the highest steady dirty rate with which N rounds still leave no more than h, the
/// "migration barrier". Never above B; B itself when h >= M or N = 1.
[[nodiscard]] BytesPerSecond jin_barrier(const JinSetup& setup);

/// CPU use and time of one migration, for eqs (6) and (7).
struct JinWork {
  Ratio cpu_use;   ///< U
  Seconds time{};  ///< T
};

/// Eq. (6) divided by F: CPU time used, I/F = U * T.
[[nodiscard]] Seconds jin_work(const JinWork& migration);

/// Eq. (7) divided by F: CPU time that `second` loses against `first`, which would have gone on at
/// `destination_cpu_use` in the difference of times.
[[nodiscard]] Seconds jin_work_lost(const JinWork& first, const JinWork& second,
                                    Ratio destination_cpu_use);

/// Eq. (9): the CPU share that brings the dirty rate to `target` (C) times the bandwidth, assuming
/// eq. (8), a dirty rate proportional to the share. Not clamped: Algorithm 1's floor and cap are
/// the control law's. dirty_rate more than 0.
[[nodiscard]] Ratio jin_cpu_share(Ratio current_share, BytesPerSecond dirty_rate,
                                  BytesPerSecond bandwidth, Ratio target);

/// Eq. (10): the scheduler weight that gives a VM the share `e` < 1 beside others of
/// `other_weights`.
[[nodiscard]] double jin_weight(Ratio share, double other_weights);

}  // namespace godwit::model
