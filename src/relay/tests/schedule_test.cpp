#include "schedule.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <map>
#include <set>
#include <vector>

#include "godwit/base/rng.h"
#include "level.h"

namespace godwit::relay {
namespace {

TimePoint at(Seconds time) {
  return TimePoint{} + Seconds(1) + time;
}

std::optional<BytesPerSecond> maybe_rate(Rng& rng) {
  if (rng.below(3) == 0) return std::nullopt;
  return BytesPerSecond(static_cast<double>(1'000'000 + rng.below(200'000'000)));
}

/// Keeps what was carried to what a rate allows of it.
class Budget {
 public:
  explicit Budget(std::optional<BytesPerSecond> rate) : rate_(rate) {
    if (rate) level_.emplace(*rate);
  }
  void carry(TimePoint now, Bytes bytes) {
    if (level_) RC_ASSERT(level_->after(now, bytes) <= Seconds(0.01) * *rate_ + 8_B);
  }

 private:
  std::optional<BytesPerSecond> rate_;
  std::optional<Level> level_;
};

/// Some paths with some channels, of which some are ready, and what they carried.
struct Scene {
  explicit Scene(Rng& random) : rng(random), link(maybe_rate(rng)), schedule(link) {
    for (int path = 0; path <= rng.below(3); ++path) {
      const auto rate = maybe_rate(rng);
      schedule.add_path(path, rate, static_cast<double>(1 + rng.below(9)));
      budgets.emplace(path, rate);
      for (int i = 0; i <= rng.below(3); ++i) {
        channels.push_back(10 * path + i);
        schedule.add_channel(path, channels.back());
      }
    }
  }
  void change_who_is_ready() {
    ready.clear();
    for (const int channel : channels) {
      const bool one = rng.below(3) > 0;
      schedule.set_ready(channel, one);
      if (one) ready.insert(channel);
    }
  }
  /// Turns until there is none; false after some, as without a limit there is no end.
  bool send(TimePoint now) {
    for (int turns = 0; turns < 20; ++turns) {
      const auto turn = schedule.next(now);
      if (!turn) return true;
      RC_ASSERT(ready.count(turn->channel) == 1U);
      RC_ASSERT(turn->most > Bytes(0));
      const Bytes sent(turn->most.count() - rng.below(turn->most.count() / 2 + 1));
      schedule.carried(turn->channel, sent);
      link_budget.carry(now, sent);
      budgets.at(turn->channel / 10).carry(now, sent);
    }
    return false;
  }

  Rng& rng;
  std::optional<BytesPerSecond> link;
  Schedule schedule;
  Budget link_budget{link};
  std::map<int, Budget> budgets{};
  std::vector<int> channels{};
  std::set<int> ready{};
};

RC_GTEST_PROP(ScheduleProperty, KeepsEveryRateAndNeverIdlesWhileSomebodyMaySend, ()) {
  Rng rng(*rc::gen::arbitrary<std::uint64_t>());
  Scene scene(rng);
  TimePoint now = at(Seconds(0));
  for (int step = 0; step < 100; ++step) {
    scene.change_who_is_ready();
    if (scene.send(now) && !scene.ready.empty()) {
      const auto opens = scene.schedule.opens_at();
      RC_ASSERT(opens.has_value());
      RC_ASSERT(*opens > now);
      RC_ASSERT(*opens - now <= Seconds(0.1));
      RC_ASSERT(scene.schedule.next(*opens).has_value());
      now = *opens;
    } else {
      now = now + Seconds(0.003 * rng.uniform());
    }
  }
}

/// Goyal, Vin, Cheng 1996, theorem 1: while both have something to send, what two get by their
/// weights differs by at most one turn of each by its weight.
RC_GTEST_PROP(ScheduleProperty, TwoPathsShareTheLinkByWeight, ()) {
  const BytesPerSecond link(*rc::gen::inRange(1'000'000, 500'000'000));
  Schedule schedule(link);
  const double weight[] = {1.0 * *rc::gen::inRange(1, 10), 1.0 * *rc::gen::inRange(1, 10)};
  for (const int path : {0, 1}) {
    schedule.add_path(path, std::nullopt, weight[path]);
    schedule.add_channel(path, path);
    schedule.set_ready(path, true);
  }
  Bytes sent[2];
  TimePoint now = at(Seconds(0));
  for (int i = 0; i < 2000; ++i) {
    const auto turn = schedule.next(now);
    if (!turn) {
      now = *schedule.opens_at();
      continue;
    }
    schedule.carried(turn->channel, turn->most);
    sent[turn->channel] += turn->most;
    const double most_apart = (32_KiB).as_double() * (1 / weight[0] + 1 / weight[1]);
    const double apart = sent[0].as_double() / weight[0] - sent[1].as_double() / weight[1];
    RC_ASSERT(std::abs(apart) <= most_apart + 1);
  }
}

/// A channel of requested pages beside bulk data.
RC_GTEST_PROP(ScheduleProperty, AChannelThatSendsSeldomIsNext, ()) {
  const int bulk = *rc::gen::inRange(1, 17);
  Schedule schedule(BytesPerSecond(40e6));
  schedule.add_path(0, std::nullopt, 1);
  for (int i = 0; i <= bulk; ++i) schedule.add_channel(0, i);
  for (int i = 1; i <= bulk; ++i) schedule.set_ready(i, true);
  TimePoint now = at(Seconds(0));
  for (int i = 0; i < 2000; ++i) {
    const bool requested = i % 100 == 99;
    if (requested) schedule.set_ready(0, true);
    auto turn = schedule.next(now);
    if (!turn) {
      now = *schedule.opens_at();
      turn = schedule.next(now);
    }
    RC_ASSERT((turn->channel == 0) == requested);
    schedule.carried(turn->channel, requested ? Bytes(4104) : turn->most);
    schedule.set_ready(0, false);
  }
}

/// A pause earns a path no more than its credit.
TEST(Schedule, WhoComesBackDoesNotTakeAllThatItMissed) {
  Schedule schedule(std::nullopt);
  for (const int path : {0, 1}) {
    schedule.add_path(path, std::nullopt, 1);
    schedule.add_channel(path, path);
  }
  const auto send = [&schedule](int turns) {
    int of_first = 0;
    for (int i = 0; i < turns; ++i) {
      const auto turn = schedule.next(at(Seconds(0)));
      schedule.carried(turn->channel, turn->most);
      if (turn->channel == 0) ++of_first;
    }
    return of_first;
  };
  schedule.set_ready(1, true);
  EXPECT_EQ(send(1000), 0);
  schedule.set_ready(0, true);
  const int of_first = send(100);
  EXPECT_GE(of_first, 50);
  EXPECT_LE(of_first, 52);
}

TEST(Schedule, APathsRateHoldsBesideTheLinks) {
  Schedule schedule(100_MB_per_s);
  schedule.add_path(0, 10_MB_per_s, 1);
  schedule.add_path(1, std::nullopt, 1);
  Bytes sent[2];
  for (const int path : {0, 1}) {
    schedule.add_channel(path, path);
    schedule.set_ready(path, true);
  }
  TimePoint now = at(Seconds(0));
  while (now < at(Seconds(1))) {
    const auto turn = schedule.next(now);
    if (!turn) {
      now = *schedule.opens_at();
      continue;
    }
    schedule.carried(turn->channel, turn->most);
    sent[turn->channel] += turn->most;
  }
  EXPECT_NEAR(sent[0].as_double(), 10e6, 0.1e6);
  EXPECT_NEAR(sent[1].as_double(), 90e6, 0.5e6);
}

TEST(Schedule, NobodyReadyIsNobodysTurn) {
  Schedule schedule(std::nullopt);
  schedule.add_path(0, 1_MB_per_s, 1);
  schedule.add_channel(0, 7);
  EXPECT_FALSE(schedule.next(at(Seconds(0))));
  EXPECT_FALSE(schedule.opens_at());
  schedule.set_ready(7, true);
  EXPECT_TRUE(schedule.next(at(Seconds(0))));
  schedule.remove_channel(7);
  EXPECT_FALSE(schedule.next(at(Seconds(1))));
}

}  // namespace
}  // namespace godwit::relay
