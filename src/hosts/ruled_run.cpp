#include "ruled_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "godwit/base/clock.h"
#include "godwit/schedule/fair_share.h"
#include "godwit/twin/session.h"
#include "simulated_vm.h"

namespace godwit::hosts {
namespace {

/// Between two looks at who shares the links: a hundredth of a short move.
constexpr Seconds kLook{0.05};
/// Two that dirty faster than half of a link carries never end beside each other. A move that
/// nobody limits is given up after so many times what the memory of all takes over its path.
constexpr double kEndless = 10;
constexpr double kGib = 1 << 30;

/// One move: its destination is prepared, then memory flows, then the old QEMU ends.
struct RuledMove {
  const fleet::PlannedMove* move = nullptr;
  std::vector<schedule::Paths::Link> path;
  BytesPerSecond widest;
  Seconds begun{};
  std::optional<Seconds> started{};
  ManualClock clock;
  std::unique_ptr<twin::Session> session;
  double rate = 0;
  std::optional<Seconds> over{};  ///< when its turn is
};

class RuledRun {
 public:
  RuledRun(const FleetFile& fleet, const fleet::FixedRule& rule, const fleet::Costs& costs,
           std::uint64_t run, schedule::Paths paths)
      : fleet_(fleet), rule_(rule), costs_(costs), run_(run), paths_(std::move(paths)) {}

  Result<fleet::RunOutcome> run(const std::vector<fleet::PlannedMove>& moves) {
    for (const auto& move : moves) all_memory_ += *fleet_.vms.at(move.vm).memory;
    std::size_t next = 0;
    while (next < moves.size() || !under_way_.empty()) {
      while (next < moves.size() && fleet::may_begin(rule_, moves[next], moves_under_way())) {
        begin(moves[next++]);
      }
      GODWIT_CHECK_OK(start_what_is_prepared());
      GODWIT_CHECK_OK(share());
      now_ = kLook * static_cast<double>(++looks_);
      for (const auto& one : under_way_) follow(*one);
      std::erase_if(under_way_,
                    [this](const auto& one) { return one->over && *one->over <= now_; });
    }
    return std::move(outcome_);
  }

 private:
  [[nodiscard]] std::vector<const fleet::PlannedMove*> moves_under_way() const {
    std::vector<const fleet::PlannedMove*> moves;
    for (const auto& one : under_way_) moves.push_back(one->move);
    return moves;
  }

  [[nodiscard]] std::size_t host(const std::string& name) const {
    const auto at = std::find_if(fleet_.hosts.begin(), fleet_.hosts.end(),
                                 [&name](const auto& one) { return one.name == name; });
    return static_cast<std::size_t>(at - fleet_.hosts.begin());
  }

  void begin(const fleet::PlannedMove& move) {
    auto one = std::make_unique<RuledMove>();
    one->move = &move;
    one->path = paths_.between(host(move.from), host(move.to));
    one->widest = paths_.widest(host(move.from), host(move.to));
    one->begun = now_;
    under_way_.push_back(std::move(one));
  }

  Result<void> start_what_is_prepared() {
    for (const auto& one : under_way_) {
      if (!one->started && one->begun + costs_.overhead <= now_) GODWIT_CHECK_OK(start(*one));
    }
    return {};
  }

  Result<void> start(RuledMove& one) {
    const fleet::PlannedMove& move = *one.move;
    const GuestProfile profile = profile_of(move.vm, fleet_.vms.at(move.vm));
    GODWIT_TRY(const auto chances, chances_of(profile, move.to, run_));
    GODWIT_TRY(one.session, twin::Session::make(one.clock, profile, Link{one.widest, {}}, chances));
    MigrationPlan plan{rule_.plain ? Technique(Technique::kPrecopy) : move.technique,
                       rule_.plain ? MigrationParameters() : move.parameters, std::nullopt};
    if (uses_postcopy(plan.technique)) {
      return fail(ErrorCode::kUnsupported, fmt::format("VM {} moves by post-copy", move.vm));
    }
    plan.parameters.max_bandwidth = one.widest;
    GODWIT_CHECK_OK(one.session->prepare(plan));
    GODWIT_CHECK_OK(one.session->start());
    one.rate = one.widest.value();
    one.started = now_;
    return {};
  }

  /// Whatever begins or ends changes what the others get.
  Result<void> share() {
    std::vector<schedule::Flow> flows;
    std::vector<RuledMove*> flowing;
    for (const auto& one : under_way_) {
      if (!one->started || one->over) continue;
      flows.push_back({one->path, one->widest.value()});
      flowing.push_back(one.get());
    }
    schedule::share_fairly(flows, paths_.links());
    for (std::size_t i = 0; i < flows.size(); ++i) {
      if (flows[i].rate == flowing[i]->rate) continue;
      Order order;
      order.max_bandwidth = BytesPerSecond(flows[i].rate);
      GODWIT_CHECK_OK(flowing[i]->session->amend(order));
      flowing[i]->rate = flows[i].rate;
    }
    return {};
  }

  [[nodiscard]] Seconds limit_of(const RuledMove& one) const {
    const Bytes memory = *fleet_.vms.at(one.move->vm).memory;
    return rule_.per_gib ? *rule_.per_gib * (memory.as_double() / kGib)
                         : all_memory_ / one.widest * kEndless;
  }

  /// Lets the move come to the present.
  void follow(RuledMove& one) {
    if (!one.started || one.over) return;
    const TimePoint present = one.session->view().started + (now_ - *one.started);
    while (one.clock.now() < present) (void)one.session->watch(present);
    if (!is_final(one.session->view().status.phase) && now_ - *one.started >= limit_of(one)) {
      (void)one.session->cancel(GiveUp::kDeadline, "it took too long");
    }
    if (is_final(one.session->view().status.phase)) end(one);
  }

  void end(RuledMove& one) {
    const MigrationStatus& status = one.session->view().status;
    MigrationOutcome outcome;
    outcome.technique = rule_.plain ? Technique(Technique::kPrecopy) : one.move->technique;
    outcome.total_time = status.total_time;
    outcome.transferred.qemu = status.transferred;
    one.session->settle(outcome, {});
    outcome.downtime.probe = one.session->client_outage();
    const bool arrived = outcome.vm_runs_on == VmRunsOn::kDestination;
    one.over = *one.started + outcome.total_time.value_or(now_ - *one.started) + costs_.around +
               costs_.after;
    fleet::VmReport report;
    report.vm = one.move->vm;
    report.from = one.move->from;
    report.to = one.move->to;
    report.runs_on = arrived ? report.to : report.from;
    report.status = arrived ? fleet::VmReport::Status::kMoved : fleet::VmReport::Status::kBlocked;
    report.technique = outcome.technique;
    report.attempts = 1;
    report.started = one.started;
    report.finished = one.over;
    report.reason = outcome.reason;
    report.outcome = std::move(outcome);
    outcome_.took = std::max(outcome_.took, *one.over);
    outcome_.vms.push_back(std::move(report));
  }

  const FleetFile& fleet_;
  const fleet::FixedRule& rule_;
  const fleet::Costs& costs_;
  std::uint64_t run_;
  schedule::Paths paths_;
  Bytes all_memory_;
  std::int64_t looks_ = 0;
  Seconds now_{};
  std::vector<std::unique_ptr<RuledMove>> under_way_;
  fleet::RunOutcome outcome_;
};

}  // namespace

Result<fleet::RunOutcome> run_by_rule(const FleetFile& fleet, const fleet::FixedRule& rule,
                                      const std::vector<fleet::PlannedMove>& moves,
                                      const fleet::Costs& costs, std::uint64_t run) {
  GODWIT_TRY(schedule::Paths paths, schedule::Paths::of(fleet.network));
  return RuledRun(fleet, rule, costs, run, std::move(paths)).run(moves);
}

}  // namespace godwit::hosts
