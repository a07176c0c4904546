// What the law `godwit` costs: the time of each of its decisions, over all guests, links and
// intents of `godwit bench steer`, as they are and as guests in phases. The target is 2 ms (and 1 %
// of one core: a decision a round, a round of 100 ms at least).

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "godwit/base/clock.h"
#include "godwit/base/rng.h"
#include "godwit/base/statistics.h"
#include "godwit/bench/steer.h"
#include "godwit/control/migration_run.h"
#include "godwit/steer/laws.h"
#include "godwit/twin/session.h"

namespace godwit::bench {
namespace {

/// The same law, and how long each decision took.
class Timed final : public steer::Law {
 public:
  Timed(std::unique_ptr<steer::Law> law, std::vector<double>& ms) : law_(std::move(law)), ms_(ms) {}

  [[nodiscard]] std::string_view name() const override { return law_->name(); }
  [[nodiscard]] bool engages(const MigrationPlan& plan) const override {
    return law_->engages(plan);
  }
  void shape(MigrationPlan& plan) const override { law_->shape(plan); }
  Order after_round(const steer::RoundView& view) override {
    const auto begin = std::chrono::steady_clock::now();
    Order order = law_->after_round(view);
    const std::chrono::duration<double, std::milli> taken =
        std::chrono::steady_clock::now() - begin;
    ms_.push_back(taken.count());
    return order;
  }

 private:
  std::unique_ptr<steer::Law> law_;
  std::vector<double>& ms_;
};

void migrate(const GuestProfile& guest, const Link& link, const Intent& intent,
             std::vector<double>& ms) {
  ManualClock clock;
  const auto session = twin::Session::make(clock, guest, link, {}).value();
  Timed law(steer::law_by_name(steer::kOwnLaw, {&guest, link, {}}).value(), ms);
  MigrationPlan plan;
  plan.max_time = intent.max_time.value();
  plan.intent = intent;
  plan.may_end_by_postcopy = !intent.no_postcopy;
  plan.parameters.max_bandwidth = link.rate;
  law.shape(plan);
  benchmark::DoNotOptimize(control::run_migration(clock, *session, plan, law, {}, {}, {}));
}

/// Watched pages show that it writes for so long in each second.
WriteTrace bursts(double seconds) {
  WriteTrace trace{Seconds(0.03125), 240, PageCount(600), {}};
  Rng rng(1);
  for (int i = 0; i < 60; ++i) {
    std::vector<bool> page;
    for (int slot = 0; slot < trace.slots; ++slot) {
      page.push_back(slot % 32 < seconds * 32 && rng.uniform() < 0.2);
    }
    trace.changed.push_back(std::move(page));
  }
  return trace;
}

/// The argument: for how much of each second guests write, in percent.
void a_decision(benchmark::State& state) {
  SteerSuite suite = steer_suite();
  const double share = static_cast<double>(state.range(0)) / 100;
  for (auto& guest : suite.guests) {
    if (share < 1) guest.profile.write_trace = bursts(share);
  }
  std::vector<double> ms;
  for (auto _ : state) {
    for (const auto& guest : suite.guests) {
      for (const Link& link : suite.links) {
        for (const auto& intent : suite.intents) migrate(guest.profile, link, intent.intent, ms);
      }
    }
  }
  state.counters["decisions"] = static_cast<double>(ms.size());
  state.counters["median_ms"] = quantile(ms, 0.5);
  state.counters["p99_ms"] = quantile(ms, 0.99);
  state.counters["most_ms"] = quantile(ms, 1);
}
BENCHMARK(a_decision)->Arg(100)->Arg(60)->Unit(benchmark::kSecond)->Iterations(1);

}  // namespace
}  // namespace godwit::bench
