#include "stepped_limits.h"

#include <fmt/format.h>

#include <algorithm>

#include "order_of.h"

namespace godwit::steer {
namespace {

/// Post-copy where the plan allows it, else the end.
Order end_it(const RoundView& view, std::string why) {
  return view.may_postcopy ? postcopy(std::move(why)) : give_up(std::move(why));
}

void begin_with(MigrationPlan& plan, Seconds first) {
  plan.parameters.downtime_limit = first;
}

}  // namespace

// --- oVirt ---

IterationSteps::Schedule ovirt_minimal_downtime() {
  return {"ovirt-minimal-downtime",
          Seconds(0.1),
          {{1, Seconds(0.15)},
           {2, Seconds(0.2)},
           {3, Seconds(0.3)},
           {4, Seconds(0.4)},
           {6, Seconds(0.5)}},
          LastResort::kGiveUp};
}

IterationSteps::Schedule ovirt_suspend() {
  IterationSteps::Schedule schedule = ovirt_minimal_downtime();
  schedule.name = "ovirt-suspend";
  schedule.steps.push_back({7, Seconds(5)});
  return schedule;
}

IterationSteps::Schedule ovirt_post_copy() {
  return {"ovirt-post-copy",
          Seconds(0.1),
          {{1, Seconds(0.15)}, {2, Seconds(0.2)}},
          LastResort::kPostcopy};
}

IterationSteps::Schedule ovirt_very_large() {
  return {"ovirt-very-large",
          Seconds(0.3),
          {{1, Seconds(0.4)},
           {2, Seconds(0.5)},
           {3, Seconds(0.7)},
           {4, Seconds(1.0)},
           {6, Seconds(1.5)},
           {7, Seconds(5)}},
          LastResort::kGiveUp};
}

void IterationSteps::shape(MigrationPlan& plan) const {
  begin_with(plan, schedule_.first);
  if (plan.technique.ending == Ending::kConverged) {
    plan.technique.throttle = Throttle::kAutoConverge;
  }
}

Order IterationSteps::at_look(const RoundView& view) {
  if (view.status().phase != MigrationPhase::kActive) return {};
  if (seen_before_ < 0) seen_before_ = std::max<std::int64_t>(view.passes - 1, 0);
  const std::int64_t iterations = view.passes - seen_before_;
  if (next_ == schedule_.steps.size()) {
    return iterations > schedule_.steps.back().iterations + 1 ? last_resort(view) : Order{};
  }
  const Step& step = schedule_.steps[next_];
  if (iterations <= step.iterations) return {};
  ++next_;
  return limit(step.limit, fmt::format("more than {} iterations", step.iterations));
}

Order IterationSteps::last_resort(const RoundView& view) const {
  constexpr const char* kWhy = "the schedule is used up";
  return schedule_.then == LastResort::kPostcopy ? end_it(view, kWhy) : give_up(kWhy);
}

// --- Nova ---

namespace {

constexpr Seconds kNovaFirst{0.05};
constexpr Seconds kNovaStep{0.045};
constexpr int kNovaSteps = 10;
constexpr double kNovaStepEvery = 75;  // seconds per GiB
constexpr double kNovaTimeOut = 800;   // seconds per GiB
constexpr double kNovaLeastGib = 2;

}  // namespace

void Nova::shape(MigrationPlan& plan) const {
  begin_with(plan, kNovaFirst);
}

Order Nova::at_look(const RoundView& view) {
  if (view.status().phase != MigrationPhase::kActive || !view.status().total) return {};
  const double size = std::max(gibibytes(view.status()), kNovaLeastGib);
  if (view.elapsed.count() > kNovaTimeOut * size) {
    return end_it(view, fmt::format("it takes longer than {:.0f} s", kNovaTimeOut * size));
  }
  const double every = kNovaStepEvery * size;
  const int due = std::min(static_cast<int>(view.elapsed.count() / every), kNovaSteps);
  if (due <= step_) return {};
  step_ = due;
  return limit(kNovaFirst + kNovaStep * due, fmt::format("a step each {:.0f} s", every));
}

// --- KubeVirt's ramp ---

namespace {

constexpr Seconds kRampFirst{0.15};
constexpr Seconds kRampMost{1.05};
constexpr int kRampSteps = 7;
constexpr std::int64_t kRampFrom = 3;  // of QEMU's syncs, the first of which begins the first pass
constexpr Seconds kRampCooldown{10};

}  // namespace

void KubevirtRamp::shape(MigrationPlan& plan) const {
  begin_with(plan, kRampFirst);
}

Order KubevirtRamp::at_look(const RoundView& view) {
  if (view.status().phase != MigrationPhase::kActive || steps_ == kRampSteps) return {};
  if (view.passes < kRampFrom) return {};
  if (!cooling_since_) cooling_since_ = view.elapsed;
  if (view.elapsed - *cooling_since_ < kRampCooldown) return {};
  ++steps_;
  cooling_since_ = view.elapsed;
  const Seconds most = view.plan.intent.max_downtime.value_or(kRampMost);
  return limit(kRampFirst + (most - kRampFirst) * steps_ / kRampSteps,
               fmt::format("step {} of {}", steps_, kRampSteps));
}

// --- Proxmox ---

namespace {

constexpr Seconds kProxmoxFirst{0.1};
constexpr Seconds kProxmoxEvery{1};
constexpr int kProxmoxPatience = 5;

}  // namespace

void Proxmox::shape(MigrationPlan& plan) const {
  begin_with(plan, kProxmoxFirst);
}

Order Proxmox::at_look(const RoundView& view) {
  const MigrationStatus& status = view.status();
  if (status.phase != MigrationPhase::kActive || !status.remaining) return {};
  if (view.elapsed < next_look_) return {};
  next_look_ = view.elapsed + kProxmoxEvery;
  const bool grew = last_left_ && *status.remaining > *last_left_;
  if (grew || *status.remaining == Bytes()) ++grown_;
  last_left_ = status.remaining;
  if (grown_ <= kProxmoxPatience) return {};
  grown_ = 0;
  const Seconds now = view.limits.downtime_limit.value_or(kProxmoxFirst);
  return limit(now * 2, "what is left has grown at six looks");
}

}  // namespace godwit::steer
