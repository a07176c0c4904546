#include "godwit_law.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "godwit/base/quantity.h"
#include "godwit/twin/qemu.h"
#include "order_of.h"

namespace godwit::steer {
namespace {

/// The contract's default for a migration's time.
constexpr Seconds kDefaultMaxTime{120};
/// Downtime limits that are tried, ascending: QEMU's smallest useful one to what nobody wants.
constexpr std::array kLimits{0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6,
                             0.7,  0.8,  0.9,  1.0, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0};
/// Shares of their time that vCPUs may be left with.
constexpr std::array kQuotas{0.8, 0.6, 0.45, 0.3, 0.2, 0.12, 0.07, 0.04, 0.02};
/// With less a guest is as good as not there for a client, and post-copy is the smaller evil. The
/// least that Jin's algorithm gives, too.
constexpr double kLeastBeforePostcopy = 0.2;
/// Where nobody said how long the guest may stand still: the longest limit that advice tries, too.
constexpr Seconds kLongestLimit{2};
/// A limit that differs by less is left alone.
constexpr double kWorthAnOrder = 0.1;
/// What ends it sooner by less than this is not worth a longer stop.
constexpr double kWorthWaiting = 1.5;
constexpr int kHopelessRounds = 2;
/// QEMU looks once per window, so that a pass takes no less: what the guest dirties meanwhile must
/// fit the limit, however fast the rest was sent. (Measured: 30 MB/s dirtied, 40 sent, a limit of
/// 10 ms: passes of 100 ms with 3 MB each, for ever.)
constexpr Seconds kBetweenLooks{0.1};

bool wants_it_soon(const Intent& intent) {
  return intent.prefer == Intent::Prefer::kTime || intent.prefer == Intent::Prefer::kBytes;
}

Seconds longest_limit(const Intent& intent) {
  return intent.max_downtime.value_or(kLongestLimit);
}

}  // namespace

/// The quota that is in force was in force for all of the round: orders come between rounds.
void GodwitLaw::learn_elasticity(const RoundView& view) {
  const RoundRecord& round = view.rounds.back();
  const bool tells = view.rounds.size() > 1 && round.duration >= kShortestRound;
  if (!tells || !round.dirtied || round.vcpu_used.empty()) return;
  if (!elasticity_) elasticity_.emplace();
  elasticity_->observe({view.cpu_quota, round.vcpu_used, *round.dirtied, round.duration});
  const auto vcpus = static_cast<double>(round.vcpu_used.size());
  forecaster_.see_cpu_use(elasticity_->cpus_used(Ratio(1)) / vcpus);
}

/// How many times as much as its profile says the guest would dirty. Until a quota was seen to hold
/// it back, Jin's assumption stands in the forecast: in proportion to the CPU time that it uses.
double GodwitLaw::activity_at(const RoundView& view, double quota) const {
  if (!elasticity_ || !elasticity_->was_held_back()) return correction_.now().activity;
  const Seconds window = view.rounds.back().duration;
  const auto rate = elasticity_->dirty_rate(Ratio(quota), window);
  const Bytes expected = forecaster_.dirtied_within(window, quota);
  if (!rate || expected <= Bytes()) return correction_.now().activity;
  return std::max(rate->p50 * window / expected, kLeastActivity);
}

/// Where nobody counts CPU time the guest is taken for busy.
Ratio GodwitLaw::slowdown(double quota) const {
  return elasticity_ ? elasticity_->slowdown(Ratio(quota)) : Ratio(1 - quota);
}

bool GodwitLaw::may_steer(const MigrationPlan& plan) {
  return plan.technique.ending == Ending::kConverged && has_goal(plan.intent);
}

void GodwitLaw::shape(MigrationPlan& plan) const {
  if (engages(plan) && !plan.is_promised) plan.parameters.downtime_limit = Seconds(kLimits.front());
}

/// The smallest limit that ends it about as soon as any does; the soonest where that is preferred.
/// `surely`: the downtime that was promised is kept in 95 %.
std::optional<GodwitLaw::Choice> GodwitLaw::best_limit(const RoundView& view, Seconds horizon,
                                                       double quota, bool surely) {
  const Intent& intent = view.plan.intent;
  twin::UnderWay now = correction_.now();
  now.cpu_quota = quota;
  now.activity = activity_at(view, quota);
  const double least = forecaster_.dirtied_within(kBetweenLooks, quota).as_double() * now.activity;
  std::vector<Choice> good;
  std::optional<Seconds> soonest;
  for (const double seconds : kLimits) {
    if (Seconds(seconds) > longest_limit(intent)) break;
    if (now.rate.value() * seconds < least) continue;
    MigrationParameters limits = view.limits;
    limits.downtime_limit = Seconds(seconds);
    const twin::Outlook outlook = forecaster_.passes(view.plan.technique, limits, now, horizon);
    const Seconds outage =
        surely ? std::max(outlook.downtime_high, outlook.outage) : outlook.outage;
    const bool keeps =
        outlook.converges && (!intent.max_downtime || outage <= *intent.max_downtime);
    weighed_.push_back({Seconds(seconds), Ratio(quota), keeps, outlook.time, outlook.downtime});
    if (!keeps) continue;
    good.push_back({Seconds(seconds), quota, outlook});
    soonest = std::min(soonest.value_or(outlook.time), outlook.time);
  }
  const double patience = wants_it_soon(intent) ? 1 : kWorthWaiting;
  for (const Choice& choice : good) {
    if (choice.outlook.time <= *soonest * patience) return choice;
  }
  return std::nullopt;
}

/// The most time for the vCPUs, less than they have, with which it ends.
std::optional<GodwitLaw::Choice> GodwitLaw::best_quota(const RoundView& view, Seconds horizon,
                                                       double least) {
  if (!view.may_slow_down || throttling_was_vain_) return std::nullopt;
  const std::optional<Ratio> most = view.plan.intent.max_slowdown;
  for (const double quota : kQuotas) {
    if (quota >= view.cpu_quota.value()) continue;
    if (quota < least) break;
    if (most && slowdown(quota) > *most) break;
    if (auto choice = best_limit(view, horizon, quota, false)) return choice;
  }
  return std::nullopt;
}

Order GodwitLaw::after_round(const RoundView& view) {
  if (!engages(view.plan)) return {};
  learn_elasticity(view);
  correction_.learn(view, forecaster_);
  weighed_.clear();
  const bool active = view.status().phase == MigrationPhase::kActive;
  if (!active || correction_.now().rate.value() <= 0) return {};
  const Seconds horizon = view.plan.max_time.value_or(kDefaultMaxTime) - end_of_last_round(view);
  if (horizon <= Seconds(0)) return {};
  Order order = decide(view, horizon);
  if (order.wants_something()) order.weighed = std::move(weighed_);
  return order;
}

/// As things are, with these limits.
twin::Outlook GodwitLaw::outlook_of(const RoundView& view, const MigrationParameters& limits,
                                    Seconds horizon) const {
  const twin::UnderWay& now = correction_.now();
  const auto by_lives = forecaster_.by_lives(view.plan.technique, limits, now, horizon);
  return by_lives ? *by_lives : forecaster_.passes(view.plan.technique, limits, now, horizon);
}

/// The longest stop that the intent allows, if a moment is to come that such a stop fits. What a
/// client waits for besides memory is only known once one was tried.
std::optional<GodwitLaw::Choice> GodwitLaw::quiet_moment(const RoundView& view,
                                                         Seconds horizon) const {
  const Seconds most = longest_limit(view.plan.intent);
  MigrationParameters limits = view.limits;
  limits.downtime_limit = most - forecaster_.stop_besides_memory();
  constexpr int kTries = 2;
  constexpr double kMore = 1.5;  // another life may be the middle one then
  for (int tries = 0; tries < kTries && *limits.downtime_limit >= Seconds(kLimits.front());
       ++tries) {
    const auto outlook =
        forecaster_.by_lives(view.plan.technique, limits, correction_.now(), horizon);
    if (!outlook || !outlook->converges) break;
    if (outlook->outage <= most) {
      return Choice{*limits.downtime_limit, view.cpu_quota.value(), *outlook};
    }
    *limits.downtime_limit -= (outlook->outage - most) * kMore;
  }
  return std::nullopt;
}

/// Does what was promised beforehand still hold, with the limit that is in force?
bool GodwitLaw::keeps_promise(const RoundView& view, Seconds horizon) const {
  const twin::Outlook outlook = outlook_of(view, view.limits, horizon);
  const auto& most = view.plan.intent.max_downtime;
  return outlook.converges && (!most || std::max(outlook.downtime_high, outlook.outage) <= *most);
}

/// The vCPUs get no more time than they have before the end: what a guest would dirty with it is
/// only known from rounds that are long over, and a quota that goes up and down ends nothing (seen
/// in the twin).
Order GodwitLaw::decide(const RoundView& view, Seconds horizon) {
  const Intent& intent = view.plan.intent;
  const double quota = view.cpu_quota.value();
  if (view.plan.is_promised && quota == 1 && keeps_promise(view, horizon)) return {};
  auto choice = best_limit(view, horizon, quota, true);
  if (!choice) choice = quiet_moment(view, horizon);
  std::optional<twin::Outlook> split;
  if (!choice && view.may_postcopy) split = by_postcopy(view);
  if (split && (!intent.max_downtime || split->outage_high <= *intent.max_downtime)) {
    return go_postcopy(*split);
  }
  if (!choice) choice = best_limit(view, horizon, quota, false);
  if (!choice) choice = best_quota(view, horizon, split ? kLeastBeforePostcopy : 0);
  if (!choice && split) return go_postcopy(*split);
  if (!choice) return despair(view, horizon);
  hopeless_rounds_ = 0;
  return carry_out(view, *choice);
}

Order GodwitLaw::carry_out(const RoundView& view, const Choice& choice) {
  const double limit = view.limits.downtime_limit.value_or(twin::kDefaultDowntimeLimit).count();
  const double quota = view.cpu_quota.value();
  Order order;
  if (std::abs(choice.limit.count() / limit - 1) >= kWorthAnOrder) {
    order.downtime_limit = choice.limit;
  }
  if (std::abs(choice.quota - quota) >= kWorthAnOrder * quota) {
    order.cpu_quota = Ratio(choice.quota);
  }
  order.why = fmt::format("it ends in {} with {} of downtime", human(choice.outlook.time),
                          human(choice.outlook.downtime));
  return order;
}

twin::Outlook GodwitLaw::by_postcopy(const RoundView& view) const {
  return forecaster_.postcopy(view.plan.technique, view.limits, correction_.now());
}

Order GodwitLaw::go_postcopy(const twin::Outlook& outlook) {
  Order order;
  order.switch_to_postcopy = true;
  order.why = fmt::format(
      "no downtime limit surely keeps the intent; by post-copy it ends in {}, and a client waits "
      "{}",
      human(outlook.time), human(outlook.outage));
  return order;
}

/// A quota that does not help is no longer borne.
Order GodwitLaw::lift_quota(const RoundView& view) {
  Order order;
  if (view.cpu_quota == Ratio(1)) return order;
  const RoundRecord& round = view.rounds.back();
  order.cpu_quota = Ratio(1);
  order.why = fmt::format("with {:.0f} % of its vCPUs' time the guest still dirties {} in {}",
                          view.cpu_quota.value() * 100, human(round.dirtied.value_or(Bytes())),
                          human(round.duration));
  return order;
}

/// Nothing that the intent allows ends it. Where nobody limited the time it goes on: a guest may
/// calm down, and then the longest stop that is allowed is its best chance.
Order GodwitLaw::despair(const RoundView& view, Seconds horizon) {
  throttling_was_vain_ = throttling_was_vain_ || view.cpu_quota < Ratio(1);
  const std::string why = fmt::format(
      "it will not end within {}: the guest dirties {} in the {} that a round takes, and "
      "post-copy is not allowed",
      human(end_of_last_round(view) + horizon),
      human(view.rounds.back().dirtied.value_or(correction_.now().left)),
      human(view.rounds.back().duration));
  if (!view.plan.intent.max_time) {
    Choice longest;
    longest.limit = std::max(longest_limit(view.plan.intent) - forecaster_.stop_besides_memory(),
                             Seconds(kLimits[0]));
    Order order = carry_out(view, longest);
    order.why = why + "; the longest stop that is allowed is its best chance";
    return order;
  }
  if (++hopeless_rounds_ < kHopelessRounds) return lift_quota(view);
  return give_up(why);
}

}  // namespace godwit::steer
