#include "godwit/bench/foretelling.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "godwit/base/clock.h"
#include "godwit/base/rng.h"
#include "godwit/base/statistics.h"
#include "godwit/control/migration_run.h"
#include "godwit/steer/law.h"
#include "godwit/twin/session.h"
#include "watched_guests.h"

namespace godwit::bench {
namespace {

/// What nobody waits for any longer.
constexpr Seconds kLongestWatched{600};
/// Each so many-th migration has auto-converge.
constexpr int kThrottledEach = 5;
/// After more rounds than these all moments are one kind.
constexpr int kRoundsApart = 3;

/// A session as one sees it who asks each 50 ms: rounds are seen that late, and short ones not at
/// all.
class Polled final : public MigrationSession {
 public:
  Polled(Clock& clock, MigrationSession& watched) : clock_(clock), watched_(watched) {}

  Result<void> prepare(const MigrationPlan& plan) override { return watched_.prepare(plan); }
  Result<void> start() override { return watched_.start(); }
  std::vector<PassSync> watch(TimePoint) override;
  [[nodiscard]] const SessionView& view() const override { return watched_.view(); }
  [[nodiscard]] Liveness liveness() override { return watched_.liveness(); }
  Result<void> amend(const Order& order) override { return watched_.amend(order); }
  bool cancel(GiveUp why, const std::string& reason) override {
    return watched_.cancel(why, reason);
  }
  void settle(MigrationOutcome& outcome, const std::stop_token& leave) override {
    watched_.settle(outcome, leave);
  }
  [[nodiscard]] std::optional<RunState> run_state(Side side) override {
    return watched_.run_state(side);
  }
  void release(MigrationOutcome& outcome) override { watched_.release(outcome); }

 private:
  static constexpr Seconds kAskEvery{0.05};
  Clock& clock_;
  MigrationSession& watched_;
  std::int64_t pass_ = 0;
};

std::vector<PassSync> Polled::watch(TimePoint) {
  const TimePoint next = clock_.now() + kAskEvery;
  while (clock_.now() < next) (void)watched_.watch(next);
  const MigrationStatus& status = view().status;
  const std::int64_t pass = status.dirty_sync_count.value_or(0);
  if (pass <= pass_) return {};
  pass_ = pass;
  return {{.pass = pass, .wall_us = clock_.wall_us(), .status = status, .vcpus = {}}};
}

Foretold said_now(const control::Progress& now, int rounds) {
  Foretold said{rounds, now.elapsed, now.forecast.eta, {}};
  if (now.remaining && now.rate && now.rate->value() > 0) said.by_rate = *now.remaining / *now.rate;
  return said;
}

/// Writes down what is said of the end.
class Listener {
 public:
  void on_event(const control::RunEvent& event) {
    ++events_;
    if (event.round == nullptr || event.now.phase != MigrationPhase::kActive) return;
    if (event.round->number == 1) halfway(event.round->started + event.round->duration / 2);
    run.said.push_back(said_now(event.now, event.round->number));
  }
  void on_progress(const control::Progress& now) {
    if (events_ == 0) first_pass_.push_back(said_now(now, 0));
    if (now.forecast.eta && said_end_ && events_ == events_then_ && now.phase == phase_) {
      const Seconds end = now.elapsed + now.forecast.eta->p50;
      const Seconds late = std::max(now.elapsed - *said_end_, Seconds(0));  // it is not over yet
      run.moved = std::max(run.moved, (abs(end - *said_end_) - late) / *said_end_);
    }
    said_end_.reset();
    if (now.forecast.eta) said_end_ = now.elapsed + now.forecast.eta->p50;
    events_then_ = events_;
    phase_ = now.phase;
  }

  WatchedRun run;

 private:
  void halfway(Seconds at) {
    const auto later = std::find_if(first_pass_.begin(), first_pass_.end(),
                                    [at](const Foretold& one) { return one.at >= at; });
    if (later != first_pass_.end()) run.said.push_back(*later);
  }
  static Seconds abs(Seconds time) { return time < Seconds(0) ? -time : time; }

  std::vector<Foretold> first_pass_;
  std::size_t events_ = 0;
  std::size_t events_then_ = 0;
  MigrationPhase phase_ = MigrationPhase::kNone;
  std::optional<Seconds> said_end_;
};

/// Nothing where it did not complete.
Result<std::optional<WatchedRun>> watch_one(int number, Rng& rng) {
  const DrawnGuest guest = drawn_guest(number, rng);
  GODWIT_TRY(auto chances, twin::drawn_options({}, guest.profile, rng.next()));
  chances.mishap = {twin::Mishap::Kind::kSomebodyCancels, kLongestWatched, {}};
  ManualClock clock;
  GODWIT_TRY(const auto session, twin::Session::make(clock, guest.profile, guest.link, chances));
  Polled polled(clock, *session);
  MigrationPlan plan;
  const bool throttled = number % kThrottledEach == kThrottledEach - 1;
  if (throttled) plan.technique.throttle = Throttle::kAutoConverge;
  if (rng.uniform() < 0.5) plan.parameters.max_bandwidth = guest.link.rate;
  Listener listener;
  listener.run.guest = guest.kind;
  listener.run.throttled = throttled;
  control::RunOptions options;
  options.on_event = [&](const control::RunEvent& event) { listener.on_event(event); };
  options.on_progress = [&](const control::Progress& now) { listener.on_progress(now); };
  steer::AsPlanned nothing;
  GODWIT_TRY(const MigrationOutcome outcome,
             control::run_migration(clock, polled, plan, nothing, {}, options, {}));
  if (outcome.status != OutcomeStatus::kCompleted) return std::optional<WatchedRun>();
  const double arriving = chances.chance.device_state + chances.chance.resume;
  listener.run.over = outcome.total_time.value() + Seconds(arriving);
  return std::optional(std::move(listener.run));
}

// --- scores ---

/// Moments of one kind, each with the end of its migration.
class Tally {
 public:
  void add(const Foretold& said, Seconds over) {
    ++score_.moments;
    const Seconds left = over - said.at;
    if (!said.eta) {
      ++score_.silent;
      return;
    }
    const auto off = [&](Seconds eta) { return std::abs((eta - left).count()); };
    of_total_.push_back(off(said.eta->p50) / over.count());
    of_left_.push_back(off(said.eta->p50) / left.count());
    held_ += said.eta->p05 <= left && left <= said.eta->p95 ? 1 : 0;
    if (!said.by_rate) return;
    by_rate_of_total_.push_back(off(*said.by_rate) / over.count());
    by_rate_of_left_.push_back(off(*said.by_rate) / left.count());
  }
  [[nodiscard]] ForetellingScore score(std::string when) const {
    ForetellingScore score = score_;
    score.when = std::move(when);
    const auto at = [](const std::vector<double>& all, double share) {
      return all.empty() ? 0.0 : quantile(all, share);
    };
    score.of_total = at(of_total_, 0.5);
    score.of_total_p90 = at(of_total_, 0.9);
    score.of_left = at(of_left_, 0.5);
    score.by_rate_of_total = at(by_rate_of_total_, 0.5);
    score.by_rate_of_left = at(by_rate_of_left_, 0.5);
    if (!of_total_.empty()) score.held = held_ / static_cast<double>(of_total_.size());
    return score;
  }

 private:
  ForetellingScore score_;
  std::vector<double> of_total_, of_left_, by_rate_of_total_, by_rate_of_left_;
  int held_ = 0;
};

template <class Wanted>
ForetellingScore score_where(const std::vector<WatchedRun>& runs, std::string when,
                             const Wanted& wanted) {
  Tally tally;
  for (const WatchedRun& run : runs) {
    for (const Foretold& said : run.said) {
      if (said.at < run.over && wanted(run, said)) tally.add(said, run.over);
    }
  }
  return tally.score(std::move(when));
}

}  // namespace

Result<std::vector<WatchedRun>> watch_in_the_twin(int migrations, std::uint64_t seed,
                                                  const std::function<void(double)>& on_done) {
  std::vector<WatchedRun> runs;
  Rng rng(seed);
  for (int i = 0; i < migrations; ++i) {
    GODWIT_TRY(auto run, watch_one(i, rng));
    if (run) runs.push_back(std::move(*run));
    if (on_done) on_done(static_cast<double>(i + 1) / migrations);
  }
  return runs;
}

std::vector<ForetellingScore> foretelling_scores(const std::vector<WatchedRun>& runs) {
  std::vector<ForetellingScore> scores;
  scores.push_back(score_where(runs, "halfway through the first round",
                               [](const auto&, const Foretold& said) { return said.rounds == 0; }));
  for (int rounds = 1; rounds <= kRoundsApart; ++rounds) {
    scores.push_back(
        score_where(runs, fmt::format("after round {}", rounds),
                    [rounds](const auto&, const Foretold& said) { return said.rounds == rounds; }));
  }
  scores.push_back(score_where(runs, "after later rounds", [](const auto&, const Foretold& said) {
    return said.rounds > kRoundsApart;
  }));
  std::set<std::pair<std::string, bool>> kinds;
  for (const WatchedRun& run : runs) kinds.emplace(run.guest, run.throttled);
  for (const auto& kind : kinds) {
    const auto is_one = [&](const WatchedRun& run, const Foretold& said) {
      return said.rounds == 1 && run.guest == kind.first && run.throttled == kind.second;
    };
    scores.push_back(score_where(
        runs, fmt::format("after round 1: {}{}", kind.first, kind.second ? ", auto-converge" : ""),
        is_one));
  }
  return scores;
}

}  // namespace godwit::bench
