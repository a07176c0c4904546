// Jin, Gao, Wu, Shi, Wu, Zhou, "Optimizing the live migration of virtual machine by CPU
// scheduling", Journal of Network and Computer Applications 2011: the evaluation, sections 5.2 and
// 5.3, on the twin of QEMU. Class: trend. The same on real QEMU: docs/research/jin.md.
//
// Memory and rates are the paper's. Two things are not: QEMU switches over when what is left fits
// 300 ms, not 256 KiB, and it has no last round. So a migration that has had N - 1 = 29 rounds
// (eq. 2) is taken to be ended by force: it stops for what was left, at the rate of that round.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>

#include "godwit/model/dirty_curve.h"
#include "in_twin.h"

namespace godwit {
namespace {

constexpr double kMbit = 125'000;
constexpr const char* kOriginal = "none";

GuestProfile guest(Bytes ram, Bytes data) {
  GuestProfile profile;
  profile.ram = ram;
  profile.zero_share = Ratio(1 - data / ram);
  profile.observed = Seconds(64);
  profile.vcpus = 1;
  profile.vcpu_use = 1;  // "the VM uses as much CPU as possible to execute workload"
  return profile;
}

template <class Curve>
GuestProfile with_curve(GuestProfile profile, const Curve& curve) {
  for (double t = 0.125; t <= 64; t *= 2) {
    const Bytes bytes = curve(Seconds(t));
    profile.dirty_curve.push_back({Seconds(t), bytes, bytes, bytes});
  }
  return profile;
}

/// Section 5.2: memWriter over 800 MB of 1 GB.
GuestProfile mem_writer(BytesPerSecond rate) {
  return with_curve(guest(1_GiB, 920_MiB),
                    [rate](Seconds t) { return model::sequential_writer(800_MiB, rate, t); });
}

/// What section 5.3 says of its guest: 512 MB, and an original migration that ends with a stop of
/// 2.5 s over 200 Mbit/s. Pre-copy of a set of 85 MiB that is written at random at 44 MB/s comes to
/// a standstill at such rounds: of 89.1 MB (1 - exp(-44 t / 89.1)) as much is written in t as is
/// sent, 25 MB/s t, at t = 2.6 s, less what QEMU leaves of each pass for the next.
GuestProfile web_application() {
  return with_curve(guest(512_MiB, 486_MiB), [](Seconds t) {
    return model::uniform_writer(85_MiB, BytesPerSecond(44e6), t);
  });
}

struct Ended {
  Seconds downtime{};
  Seconds total{};
};

/// As the paper's pre-copy ends: by itself, or by force in round 30 or when its time is over.
Ended ended(const MigrationOutcome& outcome) {
  constexpr std::size_t kRounds = 30;
  const std::vector<RoundRecord>& rounds = outcome.rounds;
  if (outcome.status == OutcomeStatus::kCompleted && rounds.size() <= kRounds) {
    return {*outcome.downtime.events, *outcome.total_time};
  }
  const RoundRecord& last = rounds.at(std::min(rounds.size(), kRounds) - 2);
  const Seconds stop = *last.left / (last.sent / last.duration);
  return {stop, last.started + last.duration + stop};
}

Ended migrated(const GuestProfile& profile, double link_mbit, const std::string& law,
               Seconds max_time) {
  MigrationPlan plan;
  plan.max_time = max_time;
  return ended(move_in_twin(profile, BytesPerSecond(link_mbit * kMbit), law, plan));
}

/// Of the link's rate: the dirty rate from which on the downtime is 1 s or more (section 5.2).
double barrier(double link_mbit, const std::string& law) {
  constexpr Seconds kLongest{2000};  // 30 rounds over all of the set take 1010 s at 200 Mbit/s
  double below = 0.5;
  double above = 8;
  while (above - below > 0.01) {
    const double middle = (below + above) / 2;
    const BytesPerSecond rate(middle * link_mbit * kMbit);
    const bool stuck = migrated(mem_writer(rate), link_mbit, law, kLongest).downtime >= Seconds(1);
    (stuck ? above : below) = middle;
  }
  std::printf("%4.0f Mbit/s, %-9s: the barrier is at %.2f of it\n", link_mbit, law.c_str(), above);
  return above;
}

void print(const char* what, const Ended& original, const Ended& jin) {
  std::printf("%s: downtime %.3f -> %.3f s, total %.1f -> %.1f s\n", what,
              original.downtime.count(), jin.downtime.count(), original.total.count(),
              jin.total.count());
}

TEST(JinEvaluation, TheBarrierMovesAtEveryC) {
  // Paper: at 1000 Mbit/s from 0.6 to 1.2 of the link's rate with C = 0.9, further with less; "up
  // to 4 times". 0.6 is the first rate of theirs at which the original fails, and their limit is
  // smaller than QEMU's: here it is at 0.93.
  for (const double link : {1000.0, 500.0}) {
    const double original = barrier(link, kOriginal);
    EXPECT_GT(original, 0.75) << link << ": eq. 5 for h = 256 KiB";
    EXPECT_LT(original, 1.0) << link;
    double before = original;
    for (const char* law : {"jin,c=0.9", "jin,c=0.8", "jin,c=0.7", "jin,c=0.6"}) {
      const double moved = barrier(link, law);
      EXPECT_GT(moved, 1.1 * original) << law << " at " << link;
      EXPECT_GE(moved, before - 0.1) << "as C decreases, the barrier moves more: " << law;
      before = moved;
    }
    EXPECT_NEAR(before / original, 4.8, 0.5) << "C = 0.6 ends at the floor of 20 %";
  }
}

/// Known gap: over 200 Mbit/s the barrier is at 0.87 of the link. A guest between that and C = 0.9
/// is where the rule wants it, and is left alone. "C is preferred to the effective boundary" (4.1).
TEST(JinEvaluation, OverASlowLinkTheBarrierMovesAtEveryCBut09) {
  const double original = barrier(200, kOriginal);
  EXPECT_NEAR(barrier(200, "jin,c=0.9"), original, 0.1);
  for (const char* law : {"jin,c=0.8", "jin,c=0.7", "jin,c=0.6"}) {
    EXPECT_GT(barrier(200, law), 1.2 * original) << law;
  }
}

TEST(JinEvaluation, InItsBestCaseTheDowntimeIsThatOfASmallRest) {
  // Paper: 1943 Mbit/s over 1000, C = 0.6: 6.435 s to 0.026 s. The original's is the set of 800 MiB
  // over the link, 6.71 s; the other's what fits QEMU's limit and its switchover, not 256 KiB.
  const GuestProfile writer = mem_writer(BytesPerSecond(1943 * kMbit));
  const Ended original = migrated(writer, 1000, kOriginal, Seconds(2000));
  const Ended jin = migrated(writer, 1000, "jin,c=0.6", Seconds(2000));
  print("1943 over 1000 Mbit/s", original, jin);
  EXPECT_NEAR(original.downtime.count(), 6.435, 0.05 * 6.435);
  EXPECT_LT(jin.downtime.count(), 0.4);
  EXPECT_LT(jin.total, original.total);
}

TEST(JinEvaluation, AWebApplicationsDowntimeIsCutBy88PercentInTheSameTime) {
  // Paper: downtime 2491 to 288 ms, total 42.968 to 43.986 s. The original is ended when theirs
  // stopped its guest, after 40.5 s.
  const Ended original = migrated(web_application(), 200, kOriginal, Seconds(40.5));
  const Ended jin = migrated(web_application(), 200, "jin,c=0.8", Seconds(120));
  print("web application", original, jin);
  EXPECT_NEAR(original.downtime.count(), 2.491, 0.05 * 2.491) << "as the guest was chosen";
  EXPECT_NEAR(original.total.count(), 42.968, 0.05 * 42.968);
  EXPECT_LE(jin.downtime / original.downtime, 1 - 0.88 + 0.03)
      << "QEMU's limit alone is 12 % of 2491 ms; resuming there, 40 ms, comes on top";
  EXPECT_LE(jin.total / original.total, 1.05);
}

}  // namespace
}  // namespace godwit
