#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <stop_token>

#include "godwit/base/clock.h"
#include "godwit/base/error.h"
#include "godwit/bench/cell.h"
#include "godwit/bench/trial.h"

namespace godwit::bench {

/// Makes the migration that a cell describes, and measures it. The lab behind it may live on from
/// cell to cell.
class Rig {
 public:
  Rig() = default;
  Rig(const Rig&) = delete;
  Rig& operator=(const Rig&) = delete;
  virtual ~Rig() = default;

  /// An Error means that no migration was made: kInterrupted when stopped, else the cell is broken.
  virtual Result<Trial> run(const Cell& cell, std::stop_token stop) = 0;
  /// After a broken cell: takes everything down, so that the next one begins from nothing.
  virtual Result<void> reset() = 0;
};

/// Where trials are kept.
class TrialStore {
 public:
  TrialStore() = default;
  TrialStore(const TrialStore&) = delete;
  TrialStore& operator=(const TrialStore&) = delete;
  virtual ~TrialStore() = default;
  /// The trial is on disk when this returns.
  virtual Result<void> append(const Trial& trial) = 0;
};

/// What is to be run: a suite's cells in order, or a campaign's for as long as it lasts.
struct Work {
  /// The cell with this number, 0 and up; nothing when there are no more.
  std::function<std::optional<Cell>(std::int64_t number)> cell;
  std::optional<std::int64_t> size;  ///< how many there are, where that is known
  std::optional<TimePoint> until;    ///< no cell is begun after this
  std::set<std::int64_t> done;       ///< numbers kept by an earlier run
};

struct Counts {
  std::int64_t done = 0;    ///< migrations kept, those of earlier runs too, however they ended
  std::int64_t failed = 0;  ///< broken trials of this run
  std::int64_t left = 0;    ///< not yet run; 0 where nobody knows
  friend bool operator==(const Counts&, const Counts&) = default;
};

struct RunProgress {
  Counts counts;
  std::string now;             ///< the cell that is run
  double done = 0;             ///< 0…1
  std::optional<Seconds> eta;  ///< from the mean time of a cell so far
};

/// Runs what is left, in order. Ends early, with what was kept, on a stop request. Errors: of the
/// store (a full disk), at once; of the rig, after so many broken cells in a row that the next
/// would fail as well, with the last one's reason. One thread.
Result<Counts> run_work(Clock& clock, const Work& work, Rig& rig, TrialStore& store,
                        const std::function<void(const RunProgress&)>& on_progress,
                        std::stop_token stop);

}  // namespace godwit::bench
