#include "godwit/twin/outlook.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "chance.h"
#include "over_link.h"
#include "postcopy.h"
#include "sending.h"
#include "to_bytes.h"

namespace godwit::twin {
namespace {

/// The rate is the one that was seen, whatever the link was said to carry.
Sending sending_under_way(Technique technique, const Guest& guest,
                          const MigrationParameters& limits, Link link,
                          const HostPairConstants& pair, const UnderWay& now) {
  link.rate = std::max(link.rate, now.rate);
  MigrationParameters all = assumed(technique, limits, link);
  all.max_bandwidth = now.rate;
  Sending sending = sending_of(technique, guest, all, link, pair);
  sending.rate = now.rate.value();
  return sending;
}

/// Of the draws; an interval's bounds vary by a tenth of its width with another seed.
constexpr int kWays = 40;
constexpr std::uint64_t kSeed = 1;
/// What a law can pay for at each round, and in how many of them it must end to be counted on.
constexpr std::size_t kLives = 5;
constexpr std::size_t kEndingLives = 3;
/// Of a life: what does not end so soon is not waited for. Passes that don't end are mostly long.
constexpr int kForeseenPasses = 20;
/// Within which states are compared with the mean: most phases last longer.
constexpr double kOfAPhase = 0.25;

/// Does it go on like this for ever? Passes that leave hardly less than the one before show it,
/// once the guest is not slowed down any more: the twin's guest does not change its habits.
class Treadmill {
 public:
  explicit Treadmill(const Throttling& throttling) : throttling_(throttling) {}
  [[nodiscard]] bool turns(const Progress& at) {
    const bool may_slow = throttling_.on && at.throttle < throttling_.most;
    turns_ = !may_slow && at.left > before_ * kHardlyLess ? turns_ + 1 : 0;
    before_ = at.left;
    return turns_ >= kTurns;
  }

 private:
  static constexpr int kTurns = 3;
  static constexpr double kHardlyLess = 0.999;
  Throttling throttling_;
  double before_ = 0;
  int turns_ = 0;
};

}  // namespace

Forecaster::Forecaster(Guest guest, const Link& link, const HostPairConstants& pair,
                       const model::DirtyCurve& curve, std::optional<model::Phases> phases)
    : guest_(std::move(guest)),
      link_(link),
      pair_(over(pair, link)),
      growth_(curve.likely()),
      chances_(drawn_chances(pair_, curve, kWays, kSeed).chances) {
  if (!phases) return;
  phases_ = std::make_shared<const model::Phases>(std::move(*phases));
  for (const model::Phases::State& state : phases_->states()) {
    const double mean = growth_.bytes_at(kOfAPhase);
    if (mean > 0) busiest_ = std::max(busiest_, state.curve.likely().bytes_at(kOfAPhase) / mean);
  }
  for (std::size_t i = 1; i <= kLives; ++i) {
    lives_.emplace_back(*phases_, chances_[i].curve, chances_[i].life);
  }
}

Result<Forecaster> Forecaster::make(const GuestProfile& profile, const Link& link,
                                    const HostPairConstants& pair) {
  GODWIT_TRY(Guest guest, guest_of(profile));
  GODWIT_TRY(const model::DirtyCurve curve, model::DirtyCurve::from_profile(profile));
  GODWIT_TRY(std::optional<model::Phases> phases, model::Phases::from_profile(profile));
  return Forecaster(std::move(guest), link, pair, curve, std::move(phases));
}

Bytes Forecaster::dirtied_within(Seconds window, double cpu_quota) const {
  return to_bytes(growth_.bytes_at(window.count() * speed_at(guest_, cpu_quota)));
}

Outlook Forecaster::run(const Sending& sending, const model::Growth& growth, const Chance& chance,
                        const UnderWay& now, Seconds horizon, model::Life* life) const {
  Course course;
  course.growth = &growth;
  course.life = life;
  course.life_scale = std::max(1.0, now.activity / busiest_);  // else it may be a phase
  course.speed = chance.speed;
  course.phase = chance.phase;
  Migration migration =
      Migration::under_way(guest_, sending, course, now.passes, now.left.as_double());
  migration.set_quota(now.cpu_quota);
  migration.set_throttle(now.throttle);
  const Progress& at = migration.progress();
  Treadmill treadmill(sending.throttling);
  const auto is_endless = [&] {
    return life != nullptr ? at.passes - now.passes > kForeseenPasses : treadmill.turns(at);
  };
  Outlook outlook;
  outlook.time = horizon;
  while (at.stage == Stage::kPasses && at.seconds < horizon.count()) {
    migration.run();
    if (at.stage == Stage::kPasses && is_endless()) return outlook;
  }
  if (at.stage == Stage::kPasses) return outlook;
  const double before = at.seconds;
  migration.run();
  const Seconds sent_still(sending.queued + at.seconds - before);
  outlook.converges = at.seconds <= horizon.count();
  outlook.time = Seconds(at.seconds);
  outlook.sent = to_bytes(at.stream);
  const Seconds stopped = sent_still + Seconds(chance.device_state);
  outlook.downtime = stopped + Seconds(chance.resume);
  outlook.downtime_high = sent_still + pair_.device_state.p95 + pair_.resume.p95;
  outlook.outage = stopped + Seconds(chance.client);
  return outlook;
}

Outlook Forecaster::passes(Technique technique, const MigrationParameters& limits,
                           const UnderWay& now, Seconds horizon) const {
  const Sending sending = sending_under_way(technique, guest_, limits, link_, pair_, now);
  return run(sending, growth_.higher(now.activity), chances_.front(), now, horizon);
}

std::optional<Outlook> Forecaster::by_lives(Technique technique, const MigrationParameters& limits,
                                            const UnderWay& now, Seconds horizon) const {
  if (!phases_) return std::nullopt;
  const Sending sending = sending_under_way(technique, guest_, limits, link_, pair_, now);
  Outlook endless;
  endless.time = horizon;
  std::vector<Outlook> ending;
  for (std::size_t i = 0; i < kLives; ++i) {
    Outlook one = run(sending, growth_, chances_[i + 1], now, horizon, &lives_[i]);
    if (one.converges) ending.push_back(one);
    if (ending.size() + (kLives - i - 1) < kEndingLives) return endless;
  }
  const auto middle = ending.begin() + static_cast<std::ptrdiff_t>(ending.size() / 2);
  std::nth_element(ending.begin(), middle, ending.end(),
                   [](const Outlook& a, const Outlook& b) { return a.time < b.time; });
  return *middle;
}

std::vector<Outlook> Forecaster::ways(Technique technique, const MigrationParameters& limits,
                                      const UnderWay& now, Seconds horizon) const {
  const LikelyGrowth guest{growth_.higher(now.activity), 1, now.activity_error};
  return ways(technique, limits, now, horizon, {&guest, 1});
}

/// Guests are drawn by equal shares of their probability, in order; the chances' columns, by which
/// it is drawn how much one writes, are in random order already.
std::vector<Outlook> Forecaster::ways(Technique technique, const MigrationParameters& limits,
                                      const UnderWay& now, Seconds horizon,
                                      std::span<const LikelyGrowth> guests) const {
  const Sending sending = sending_under_way(technique, guest_, limits, link_, pair_, now);
  double all_weights = 0;
  for (const LikelyGrowth& guest : guests) all_weights += guest.weight;
  std::vector<Outlook> all;
  all.reserve(kWays);
  auto guest = guests.begin();
  double passed = guest->weight;
  for (int i = 0; i < kWays; ++i) {
    const double place = (i + 0.5) / kWays * all_weights;
    while (passed < place && guest + 1 != guests.end()) passed += (++guest)->weight;
    const Chance& chance = chances_[static_cast<std::size_t>(i) + 1];
    const model::Growth growth = guest->growth.higher(std::exp(guest->error * chance.curve));
    Outlook outlook = run(sending, growth, chance, now, horizon);
    if (outlook.converges) outlook.time += Seconds(chance.device_state + chance.resume);
    all.push_back(outlook);
  }
  return all;
}

Outlook Forecaster::postcopy(Technique technique, const MigrationParameters& limits,
                             const UnderWay& now) const {
  const Sending sending = sending_under_way(technique, guest_, limits, link_, pair_, now);
  Course course;
  course.growth = &growth_;
  Migration migration =
      Migration::under_way(guest_, sending, course, now.passes, now.left.as_double());
  migration.start_postcopy();
  migration.run();
  Outlook outlook;
  outlook.converges = true;
  outlook.time = Seconds(migration.progress().seconds);
  outlook.sent = to_bytes(migration.progress().stream);
  outlook.downtime = pair_.postcopy_stop.p50 + pair_.postcopy_resume.p50;
  outlook.downtime_high = pair_.postcopy_stop.p95 + pair_.postcopy_resume.p95;
  const double share = now.passes > 0 ? 1 : 0;
  const auto outage = [&](const Chance& chance) {
    return Seconds(
        postcopy_silence(sending, limits, pair_, chance, share, outlook.time.count()).silent +
        chance.client);
  };
  std::vector<Seconds> outages;
  for (const Chance& chance : chances_) outages.push_back(outage(chance));
  outlook.outage = outages.front();
  std::sort(outages.begin(), outages.end());
  outlook.outage_high = outages[outages.size() * 19 / 20];
  return outlook;
}

}  // namespace godwit::twin
