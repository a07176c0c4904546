#include "godwit/hosts/judgement.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>
#include <utility>

#include "godwit/fleet/replay.h"
#include "godwit/hosts/operation.h"
#include "godwit/hosts/simulated_fleet.h"
#include "ruled_run.h"

namespace godwit::hosts {
namespace {

class Judging {
 public:
  Judging(Clock& clock, const JudgementOptions& options, std::stop_token stop)
      : clock_(clock), options_(options), stop_(std::move(stop)), rules_(fleet::fixed_rules()) {
    result_.ways.push_back({"godwit"});
    for (const auto& rule : rules_) result_.ways.push_back({std::string(rule.name)});
    logs_.resize(result_.ways.size());
  }

  Result<Judgement> run(const std::function<void(double)>& done) {
    for (int i = 0; i < options_.fleets; ++i) {
      if (stop_.stop_requested()) return fail(ErrorCode::kInterrupted, "stopped");
      Rng rng(options_.seed + static_cast<std::uint64_t>(i));
      GODWIT_TRY(const FleetFile fleet, made_fleet(options_.size, rng));
      GODWIT_TRY(const Draft draft, drafted(fleet));
      result_.blocked += static_cast<int>(draft.plan.blockers.size());
      result_.vms += static_cast<int>(draft.plan.moves.size());
      if (draft.plan.moves.empty()) continue;
      ++result_.fleets;
      GODWIT_TRY(const fleet::RunOutcome first, repeat(fleet, draft, rng));
      GODWIT_CHECK_OK(compare(fleet, draft, first));
      if (done) done((i + 1.0) / options_.fleets);
    }
    return summed();
  }

 private:
  static FleetFiles no_files() { return {"/nonexistent/record", "/nonexistent/cordons"}; }
  static std::unique_ptr<engine::Engine> nobody(std::stop_token) { return nullptr; }

  [[nodiscard]] Result<Draft> drafted(const FleetFile& fleet) {
    SimulatedFleet simulated("fleet", fleet);
    Operation operation(clock_, simulated, nobody, engine::Places(), no_files(), stop_);
    Wanted wanted;
    wanted.host = fleet.hosts.front().name;
    wanted.survey.intent.no_postcopy = true;
    return operation.draft(wanted, {});
  }

  /// The plan, again and again; the first run is returned.
  Result<fleet::RunOutcome> repeat(const FleetFile& fleet, const Draft& draft, Rng& rng) {
    std::optional<fleet::RunOutcome> first;
    for (int run = 0; run < options_.runs; ++run) {
      if (stop_.stop_requested()) return fail(ErrorCode::kInterrupted, "stopped");
      SimulatedFleet simulated("fleet", fleet, static_cast<std::uint64_t>(run));
      Operation operation(clock_, simulated, nobody, engine::Places(), no_files(), stop_);
      Draft drawn = draft;
      if (run > 0) {  // the first one is compared with others, by the same costs
        drawn.plan.overhead = drawn.plan.overhead * std::exp(fleet::kCostsError * rng.normal());
        drawn.costs.after = drawn.costs.after * std::exp(fleet::kCostsError * rng.normal());
      }
      GODWIT_TRY(fleet::RunOutcome outcome, operation.simulate(drawn));
      count(outcome, draft.plan.finish);
      if (!first) first = std::move(outcome);
    }
    return std::move(*first);
  }

  void count(const fleet::RunOutcome& run, const Interval<Seconds>& promised) {
    ++result_.runs;
    const bool in_time = run.complete() && run.took <= promised.p95;
    by_p95_ += in_time ? 1 : 0;
    held_ += in_time && run.took >= promised.p05 ? 1 : 0;
    for (const fleet::VmReport& vm : run.vms) {
      ++moves_;
      const bool moved = vm.status == fleet::VmReport::Status::kMoved;
      moves_held_ += moved && *vm.finished >= vm.promised.p05 && *vm.finished <= vm.promised.p95;
    }
  }

  Result<void> compare(const FleetFile& fleet, const Draft& draft, const fleet::RunOutcome& own) {
    auto moves = draft.plan.moves;  // in the order given: the fleet's
    std::stable_sort(moves.begin(), moves.end(),
                     [](const auto& a, const auto& b) { return a.vm < b.vm; });
    const Seconds by_godwit = own.took;
    add(0, own, by_godwit);
    for (std::size_t i = 0; i < rules_.size(); ++i) {
      GODWIT_TRY(const auto run, run_by_rule(fleet, rules_[i], moves, draft.costs, 0));
      add(i + 1, run, by_godwit);
    }
    return {};
  }

  void add(std::size_t way, const fleet::RunOutcome& run, Seconds by_godwit) {
    WayJudged& sum = result_.ways[way];
    int left = 0;
    for (const fleet::VmReport& vm : run.vms) {
      left += vm.status == fleet::VmReport::Status::kMoved ? 0 : 1;
      sum.outages += vm.outcome->downtime.probe.value_or(Seconds(0));
      sum.sent += vm.outcome->transferred.qemu.value_or(Bytes(0));
    }
    sum.left_behind += left;
    if (left > 0) return;
    ++sum.emptied;
    sum.empty_after += run.took;
    logs_[way] += std::log(run.took / by_godwit);
  }

  Judgement summed() {
    const double runs = std::max(result_.runs, 1);
    result_.held = held_ / runs;
    result_.by_p95 = by_p95_ / runs;
    result_.moves_held = moves_held_ / std::max(moves_, 1.0);
    for (std::size_t i = 0; i < result_.ways.size(); ++i) {
      WayJudged& way = result_.ways[i];
      const double hosts = std::max(result_.fleets, 1), emptied = std::max(way.emptied, 1);
      way.times = std::exp(logs_[i] / emptied);
      way.empty_after = way.empty_after / emptied;
      way.outages = way.outages / hosts;
      way.sent = Bytes(std::llround(way.sent.as_double() / hosts));
    }
    return std::move(result_);
  }

  Clock& clock_;
  const JudgementOptions& options_;
  std::stop_token stop_;
  std::vector<fleet::FixedRule> rules_;
  Judgement result_;
  std::vector<double> logs_;  ///< by way: of the ratios to godwit's time
  double held_ = 0, by_p95_ = 0, moves_ = 0, moves_held_ = 0;
};

}  // namespace

Result<Judgement> judge(Clock& clock, const JudgementOptions& options, std::stop_token stop,
                        const std::function<void(double)>& done) {
  return Judging(clock, options, std::move(stop)).run(done);
}

}  // namespace godwit::hosts
