#pragma once

#include <optional>
#include <string>
#include <vector>

#include "godwit/bench/cell.h"
#include "godwit/domain/outcome.h"

namespace godwit::bench {

/// One migration under a law, in the twin or for real.
struct SteeredRun {
  std::string law;
  std::string guest;
  double link_bytes_per_s = 0;
  std::string intent;
  int repeat = 0;
  MigrationOutcome outcome;
  bool kept = false;  ///< the intent, as `keeps` judges
};

/// Completed in time, with no more downtime than was allowed: a client's outage where a client
/// asked, else from the source's stop to the destination's start.
[[nodiscard]] bool keeps(const MigrationOutcome& outcome, const Intent& intent);

/// What became of a suite's cell.
[[nodiscard]] SteeredRun steered_run(const Cell& cell, MigrationOutcome outcome);

/// What became of a law's migrations.
struct LawSummary {
  std::string law;
  int runs = 0;
  int kept = 0;
  int could = 0;                ///< cells whose intent any law kept, this one's included
  int endless = 0;              ///< ended by the time limit, or later
  double total_s = 0;           ///< means over the migrations that completed
  double downtime_qemu_ms = 0;  ///< as QEMU reports it
  double downtime_ms = 0;       ///< from the source's stop to the destination's start
  double outage_ms = 0;         ///< as a client saw it; 0: none asked
  double slowdown = 0;          ///< share of the guest's work that was lost meanwhile
  double bytes = 0;
  /// Geometric mean of total time over that of auto-converge, where both completed; 0: none.
  double against_auto_converge = 0;
};
[[nodiscard]] std::vector<LawSummary> summed_up(const std::vector<SteeredRun>& runs);

/// How far two tables rank the laws that both have alike: Spearman's rank correlation of the share
/// that was kept; laws that kept as much by the time that they took, in which one that never ended
/// comes last. 1: the same order. Absent with fewer than three laws in common.
[[nodiscard]] std::optional<double> rank_correlation(const std::vector<LawSummary>& a,
                                                     const std::vector<LawSummary>& b);

}  // namespace godwit::bench
