// KubeVirt's VEP 291, "Live Migration: Dynamic Downtime Tuning and Iteration-Based Convergence",
// section "Benchmark results", on the twin of QEMU. Class: trend, ratios within 15 %.
//
// Published, means of ten migrations each: a VM of 8 GiB that dirties about 650 Mbit/s on average,
// 1 Gbit/s, without the ramp (QEMU's 300 ms) and with it (150 ms, then up to 1050 ms):
//   total time 112.4 -> 92.2 s, downtime 451 -> 611 ms, sent 11,862 -> 9,694 MiB,
//   iterations 69 -> 28.
//
// What is not published was chosen by the first of each pair alone, and by what is said of both
// ("DataRemaining oscillates around a plateau"):
//  - 11,862 MiB in 112.4 s and 9,694 MiB in 92.2 s are 105.5 and 105.1 MiB/s: the link's rate here;
//  - the bulk copy took 112.4 - 45.0 ("convergence time") = 67.4 s, 7,110 MiB: 13 % are zeros;
//  - 451 ms of downtime where 300 ms may be left: 150 ms to stop and to resume;
//  - the plateau: a guest in two phases writes at random over 60 MiB. In the busy one, of 42 s in
//  the
//    mean, what is dirty settles at 60 MiB (1 - 105.5 / 500) = 450 ms of the link, in the calm one,
//    of 4 s, at 200 ms: plain QEMU ends in the next calm one, which is what its time was fitted by.
//
// Known gaps: the twin has three times as many rounds as were published (fewer with the ramp, too);
// and 650 Mbit/s on average is less than the link, with which nothing would come to a plateau.

#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <vector>

#include "godwit/base/rng.h"
#include "in_twin.h"

namespace godwit {
namespace {

constexpr double kMiB = 1 << 20;
constexpr BytesPerSecond kLink{105.5 * kMiB};
constexpr Bytes kRam = 8_GiB;
constexpr double kZeros = 1 - 7'110.0 / 8'192;

/// Pages written at random over one set, faster in one phase than in the other.
struct Phased {
  double set = 60 * kMiB;
  double busy = 500 * kMiB;  ///< bytes a second
  double calm = 145 * kMiB;
  std::vector<double> stays{72, 23, 54, 13, 100, 40};  ///< seconds of the busy phase
  double between = 4;                                  ///< of the calm one

  [[nodiscard]] double rate_at(double second) const {
    for (const double stay : stays) {
      if (second < stay) return busy;
      second -= stay + between;
      if (second < 0) return calm;
    }
    return busy;
  }
  [[nodiscard]] double seconds() const {
    double all = 0;
    for (const double stay : stays) all += stay + between;
    return all;
  }
};

/// As it would be observed: 480 of its pages, and the curve of all.
GuestProfile profile_of(const Phased& guest) {
  constexpr double kSlot = 1.0 / 32;
  constexpr double kFirstWindow = 0.125;  // of hashes
  constexpr int kWatched = 480;
  Rng rng(1);
  GuestProfile profile;
  profile.ram = kRam;
  profile.zero_share = Ratio(kZeros);
  profile.data_by_part.assign(32, Ratio(1 - kZeros));
  const int slots = static_cast<int>(guest.seconds() / kSlot);
  WriteTrace trace{
      Seconds(kSlot), slots, PageCount(std::llround(kWatched * kRam.as_double() / guest.set)), {}};
  for (int page = 0; page < kWatched; ++page) {
    std::vector<bool> changed;
    for (int slot = 0; slot < slots; ++slot) {
      const double writes = guest.rate_at(slot * kSlot) * kSlot / guest.set;
      changed.push_back(rng.uniform() < -std::expm1(-writes));
    }
    trace.changed.push_back(std::move(changed));
  }
  const double calm = guest.between / (guest.seconds() / static_cast<double>(guest.stays.size()));
  for (double t = kFirstWindow; t <= 64; t *= 2) {
    const double unique = guest.set * ((1 - calm) * -std::expm1(-guest.busy * t / guest.set) +
                                       calm * -std::expm1(-guest.calm * t / guest.set));
    const Bytes bytes(std::llround(unique));
    profile.dirty_curve.push_back({Seconds(t), bytes, bytes, bytes});
  }
  profile.write_trace = std::move(trace);
  return profile;
}

/// Means over as many lives.
struct Means {
  double total = 0;
  double downtime = 0;
  double sent = 0;
  double iterations = 0;
};
Means means_of(const GuestProfile& profile, const std::string& law) {
  constexpr int kLives = 30;
  Means mean;
  twin::HostPairConstants pair;
  pair.device_state = {Seconds(0.05), Seconds(0.05), Seconds(0.05)};
  pair.resume = {Seconds(0.1), Seconds(0.1), Seconds(0.1)};
  for (std::uint64_t life = 1; life <= kLives; ++life) {
    const twin::SessionOptions options = twin::drawn_options(pair, profile, life).value();
    MigrationPlan plan;
    plan.max_time = Seconds(600);
    const MigrationOutcome outcome = move_in_twin(profile, kLink, law, plan, options);
    EXPECT_EQ(outcome.status, OutcomeStatus::kCompleted) << law << ", " << life;
    if (outcome.status != OutcomeStatus::kCompleted) return mean;
    mean.total += outcome.total_time->count() / kLives;
    mean.downtime += outcome.downtime.events->count() / kLives;
    mean.sent += outcome.transferred.qemu->as_double() / kLives;
    mean.iterations += static_cast<double>(outcome.rounds.size()) / kLives;
  }
  std::printf("%-14s total %.1f s, downtime %.0f ms, sent %.0f MiB, %.0f iterations\n", law.c_str(),
              mean.total, mean.downtime * 1e3, mean.sent / kMiB, mean.iterations);
  return mean;
}

TEST(KubevirtPublished, TheRampEndsSoonerWithALongerStop) {
  const GuestProfile profile = profile_of({});
  const Means plain = means_of(profile, "none");
  const Means ramp = means_of(profile, "kubevirt-ramp");
  ASSERT_GT(ramp.iterations, 0);
  // by these the guest was chosen
  EXPECT_NEAR(plain.total, 112.4, 0.05 * 112.4);
  EXPECT_NEAR(plain.downtime, 0.451, 0.05 * 0.451);
  EXPECT_NEAR(plain.sent / kMiB, 11'862, 0.05 * 11'862);
  // and these follow
  const auto expect_ratio = [](double here, double published) {
    EXPECT_EQ(here < 1, published < 1);
    EXPECT_NEAR(here, published, 0.15 * published);
  };
  expect_ratio(ramp.total / plain.total, 92.2 / 112.4);
  expect_ratio(ramp.downtime / plain.downtime, 611.0 / 451);
  expect_ratio(ramp.sent / plain.sent, 9'694.0 / 11'862);
  EXPECT_LT(ramp.iterations, plain.iterations);
}

}  // namespace
}  // namespace godwit
