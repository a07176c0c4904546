#include "godwit/bench/run.h"

#include <fmt/format.h>

#include <algorithm>

#include "godwit/base/log.h"

namespace godwit::bench {
namespace {

/// So many in a row are no accident: a campaign must not fill a night with nothing.
constexpr int kBrokenInARow = 5;

class Runner {
 public:
  Runner(Clock& clock, const Work& work, Rig& rig, TrialStore& store,
         const std::function<void(const RunProgress&)>& on_progress)
      : clock_(clock), work_(work), rig_(rig), store_(store), on_progress_(on_progress) {
    counts_.done = static_cast<std::int64_t>(work.done.size());
    counts_.left = work.size ? *work.size - counts_.done : 0;
    started_ = clock.now();
  }

  Result<Counts> run(const std::stop_token& stop) {
    for (std::int64_t number = 0; !stop.stop_requested() && !time_is_up(); ++number) {
      if (work_.done.contains(number)) continue;
      const auto cell = work_.cell(number);
      if (!cell) break;
      report(*cell);
      GODWIT_TRY(const bool kept, run_one(number, *cell, stop));
      if (!kept) break;
    }
    return counts_;
  }

 private:
  [[nodiscard]] bool time_is_up() const { return work_.until && clock_.now() >= *work_.until; }

  /// False when it was stopped before a migration was made: nothing is kept of it.
  Result<bool> run_one(std::int64_t number, const Cell& cell, const std::stop_token& stop) {
    const std::int64_t begun = clock_.wall_us();
    auto measured = rig_.run(cell, stop);
    if (!measured && measured.error().code == ErrorCode::kInterrupted) return false;
    Trial trial;
    if (measured) trial = std::move(*measured);
    trial.number = number;
    trial.wall_us = begun;
    trial.cell = cell;
    if (!measured) trial.broken = measured.error().message;
    GODWIT_CHECK_OK(store_.append(trial));
    ++ran_;
    if (work_.size) --counts_.left;
    if (measured) {
      ++counts_.done;
      broken_in_a_row_ = 0;
      return true;
    }
    GODWIT_CHECK_OK(mend(measured.error(), cell));
    return true;
  }

  Result<void> mend(const Error& error, const Cell& cell) {
    ++counts_.failed;
    log::warning("{}: {}", describe(cell), error.message);
    if (++broken_in_a_row_ >= kBrokenInARow) {
      return fail(
          error.while_doing(fmt::format("{} cells in a row broke, the last", kBrokenInARow)));
    }
    return rig_.reset();
  }

  void report(const Cell& cell) const {
    if (!on_progress_) return;
    RunProgress progress;
    progress.counts = counts_;
    progress.now = describe(cell);
    const Seconds elapsed = clock_.now() - started_;
    if (work_.until) {
      progress.eta = *work_.until - clock_.now();
      progress.done = elapsed / (elapsed + *progress.eta);
    } else if (work_.size && *work_.size > 0) {
      const auto size = static_cast<double>(*work_.size);
      progress.done = 1 - static_cast<double>(counts_.left) / size;
      if (ran_ > 0) progress.eta = elapsed / static_cast<double>(ran_) * counts_.left;
    }
    on_progress_(progress);
  }

  Clock& clock_;
  const Work& work_;
  Rig& rig_;
  TrialStore& store_;
  const std::function<void(const RunProgress&)>& on_progress_;
  Counts counts_;
  TimePoint started_{};
  std::int64_t ran_ = 0;
  int broken_in_a_row_ = 0;
};

}  // namespace

Result<Counts> run_work(Clock& clock, const Work& work, Rig& rig, TrialStore& store,
                        const std::function<void(const RunProgress&)>& on_progress,
                        std::stop_token stop) {
  return Runner(clock, work, rig, store, on_progress).run(stop);
}

}  // namespace godwit::bench
