#include "godwit/twin/predictor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "godwit/model/jin.h"
#include "godwit/model/ramanathan.h"
#include "godwit/twin/qemu.h"
#include "guests.h"

namespace godwit::twin {
namespace {

using model::testing::guest;
using model::testing::idle;
using model::testing::sequential;
using model::testing::uniform;
using ::testing::HasSubstr;

TechniquePrediction predict(const GuestProfile& profile, BytesPerSecond rate,
                            Technique technique = Technique::kPrecopy,
                            const MigrationParameters& parameters = {},
                            const Options& options = {}) {
  const auto predictor = Predictor::make(profile, Link{rate, {}}, options);
  EXPECT_TRUE(predictor.has_value());
  auto prediction = predictor->predict(technique, parameters);
  EXPECT_TRUE(prediction.has_value());
  return *prediction;
}

MigrationParameters with_limit(Seconds limit) {
  MigrationParameters parameters;
  parameters.downtime_limit = limit;
  return parameters;
}

double total(const TechniquePrediction& p) {
  return p.converges ? p.total_time->p50.count() : 1e6;
}

// --- What was measured on real QEMU 10.0.2 (design notes "qemu-facts", TCG)
// -----------------------
//
// The rows give the writer but not the guest's other memory, so that one number is calibrated from
// a row's bytes and the others are predicted with it. In all rows bytes / time is 4-6 % above the
// link that they name; the rate here is that of the stream as QEMU counted it.

/// Those runs had no return-path: QEMU's count ended before the destination resumed, and as early
/// as the sender's queue had taken the rest.
Interval<Seconds> without_return_path(const TechniquePrediction& p, BytesPerSecond rate) {
  const HostPairConstants pair;
  const Interval<Seconds>& qemu = *p.downtime.qemu;
  const Seconds queued = pair.sender_queue / rate;
  return {.p50 = qemu.p50 - pair.resume.p50,
          .p05 = qemu.p05 - pair.resume.p05 - queued,
          .p95 = qemu.p95 - pair.resume.p95};
}

// "40 MB/s, 10 MB/s over 64 MiB": 173 MB in 4.1 s = 42 MB/s. First pass N, then W(N / 42) = 27 MB,
// 6.5, 1.6 ...: N = 138 MB explains the bytes.
const GuestProfile kSmallWriter = guest(256_MiB, 138_MB, uniform(64_MiB, 10_MB_per_s));
// With a working set of 128 MiB; calibrated on "post-copy from half of the first pass: 304 MB".
GuestProfile large_writer(BytesPerSecond rate) {
  return guest(256_MiB, 243_MB, uniform(128_MiB, rate));
}

TEST(TwinMeasured, SmallWriter) {
  const auto p = predict(kSmallWriter, 42_MB_per_s);
  ASSERT_TRUE(p.converges);
  EXPECT_NEAR(p.total_time->p50.count(), 4.1, 0.05 * 4.1);
  EXPECT_NEAR(p.transferred->p50.as_double(), 173e6, 0.05 * 173e6);
  // One sample of a wide distribution (what is left is met anywhere in a 100 ms window): within the
  // interval, or 20 ms beside it. Measured: 146 ms by QEMU, 253 ms by a client.
  const auto qemu = without_return_path(p, 42_MB_per_s);
  EXPECT_NEAR(std::clamp(0.146, qemu.p05.count(), qemu.p95.count()), 0.146, 0.02);
  EXPECT_NEAR(std::clamp(0.253, p.downtime.probe->p05.count(), p.downtime.probe->p95.count()),
              0.253, 0.08);
}

TEST(TwinMeasured, LargeWriterWithALimitOfOneSecond) {
  // 30 MB/s: 8.6 s, 760 ms, 358 MB.
  const auto p =
      predict(large_writer(30_MB_per_s), 42_MB_per_s, Technique::kPrecopy, with_limit(Seconds(1)));
  ASSERT_TRUE(p.converges);
  EXPECT_NEAR(p.total_time->p50.count(), 8.6, 0.1 * 8.6);
  EXPECT_NEAR(p.transferred->p50.as_double(), 358e6, 0.1 * 358e6);
  // A known gap, kept here as such: 760 ms lies below the 90 % interval. QEMU should have spent its
  // limit, as it did in every other run with one of a second (957-1052 ms, idle guest). Who closes
  // the gap changes these lines, and docs/claims.md.
  EXPECT_NEAR(without_return_path(p, 42_MB_per_s).p05.count(), 0.85, 0.03);
  EXPECT_NEAR(without_return_path(p, 42_MB_per_s).p95.count(), 1.05, 0.03);
}

TEST(TwinMeasured, AFastWriterNeverConverges) {
  // 100 MB/s at 50 MB/s: never; auto-converge needed 34 s for it.
  const auto p = predict(large_writer(100_MB_per_s), 52_MB_per_s);
  EXPECT_FALSE(p.converges);
  EXPECT_FALSE(p.total_time);
  EXPECT_FALSE(p.transferred);
  EXPECT_FALSE(p.downtime.probe);
  EXPECT_TRUE(p.rounds.empty());
  EXPECT_THAT(p.why, HasSubstr("the guest dirties"));
  EXPECT_THAT(p.why, HasSubstr("300 ms"));
}

TEST(TwinMeasured, PostcopyFromHalfOfTheFirstPass) {
  // 100 MB/s at "40": 7.4 s, 304 MB, client 1127 ms; at "50": 5.6 s, 298 MB.
  MigrationParameters half;
  half.precopy_share = Ratio(0.5);
  const auto slow = predict(large_writer(100_MB_per_s), 41_MB_per_s, Technique::kPostcopy, half);
  EXPECT_NEAR(slow.total_time->p50.count(), 7.4, 0.1 * 7.4);
  EXPECT_NEAR(slow.transferred->p50.as_double(), 304e6, 0.05 * 304e6);
  EXPECT_LE(slow.downtime.probe->p05.count(), 1.127);
  EXPECT_GE(slow.downtime.probe->p95.count(), 1.127);
  EXPECT_NEAR(slow.downtime.qemu->p50.count(), 0.002, 0.003);
  const auto fast = predict(large_writer(100_MB_per_s), 53_MB_per_s, Technique::kPostcopy, half);
  EXPECT_NEAR(fast.total_time->p50.count(), 5.6, 0.1 * 5.6);
  EXPECT_NEAR(fast.transferred->p50.as_double(), 298e6, 0.05 * 298e6);
}

TEST(TwinMeasured, PostcopyOutagesOfStressLoads) {
  // 384 MiB, 40 MB/s: at once 1.3-2.6 s, after one full pass 0.6-1.4 s.
  const auto profile = guest(384_MiB, 300_MB, uniform(128_MiB, 100_MB_per_s));
  const auto at_once = predict(profile, 40_MB_per_s, Technique::kPostcopy).downtime.probe;
  EXPECT_NEAR(at_once->p50.count(), 1.85, 0.2);
  EXPECT_NEAR(at_once->p05.count(), 1.3, 0.15);
  EXPECT_NEAR(at_once->p95.count(), 2.6, 0.15);
  const auto after = predict(profile, 40_MB_per_s, Technique::kHybrid).downtime.probe;
  // calmer guests, which were measured since, are answered sooner
  EXPECT_NEAR(after->p50.count(), 0.7, 0.1);
  EXPECT_LE(after->p05.count(), 0.6);
  EXPECT_NEAR(after->p95.count(), 1.4, 0.15);
}

TEST(TwinMeasured, QemuSpendsTheDowntimeLimitThatItIsGiven) {
  // An idle guest of 384 MiB at 40 MB/s, 3.28 s each time (131 MB): 300 ms -> 302, 100 -> 49, 20
  // -> 17.
  const auto profile = guest(384_MiB, 131_MB, uniform(4_MiB, 500_kB / Seconds(1)));
  const struct {
    double limit;
    double measured;
  } runs[] = {{0.3, 0.302}, {0.1, 0.049}, {0.02, 0.017}};
  for (const auto& run : runs) {
    const auto p =
        predict(profile, 40_MB_per_s, Technique::kPrecopy, with_limit(Seconds(run.limit)));
    EXPECT_NEAR(p.total_time->p50.count(), 3.28, 0.06 * 3.28) << run.limit;
    EXPECT_LE(without_return_path(p, 40_MB_per_s).p05.count(), run.measured);
    EXPECT_GE(without_return_path(p, 40_MB_per_s).p95.count(), run.measured);
  }
}

// --- Where the model must agree with closed forms
// -------------------------------------------------

/// No zero pages, so fine a window that rounds end at the threshold, no constants around.
Options ideal() {
  Options options;
  options.pair.overhead = {};
  options.pair.device_state = {};
  options.pair.window = Seconds(1e-3);
  options.max_time = Seconds(1e5);
  return options;
}

RC_GTEST_PROP(TwinClosedForm, AgreesWithJinAndRamanathanOnALinearCurve, ()) {
  // A writer that never wraps dirties linearly. QEMU sends left-over pages with the next round, so
  // rounds end elsewhere than Jin's, but the time to send M while r dirties is M / (B - r) for both
  // as h -> 0 (Jin's eq. (3) with n -> infinity; Ramanathan's eq. (4)), with B less the 8-byte
  // headers. Tolerance: what is left at the end (h, and a window) over B, and rounding.
  const double rho = *rc::gen::inRange(1, 90) / 100.0;
  const BytesPerSecond link = 100_MB_per_s;
  const BytesPerSecond pages = link * Ratio(4096.0 / 4104);  // what is left of B for pages
  const BytesPerSecond rate = pages * Ratio(rho);
  const Bytes memory = 1_GiB;
  const auto profile = guest(memory, memory, sequential(Bytes(1'000'000'000'000), rate));
  const Seconds limit(0.005);
  const auto p = predict(profile, link, Technique::kPrecopy, with_limit(limit), ideal());
  RC_ASSERT(p.converges);

  model::RamanathanVm vm;
  vm.memory = memory;
  vm.transmit_rate = pages;
  vm.dirty_rate = rate;
  const double expected = model::ramanathan_estimate(vm)->send.count();
  const double tolerance = 2 * limit.count() / (1 - rho) + 1e-3 * expected;
  RC_ASSERT(std::abs(p.total_time->p50.count() - expected) <= tolerance);

  model::JinSetup setup;
  setup.memory = memory;
  setup.bandwidth = pages;
  setup.last_round_threshold = pages * limit;
  setup.max_rounds = 100'000;
  const std::array rates{rate};
  const double jin = model::jin_migration(setup, rates).total.count();
  RC_ASSERT(std::abs(p.total_time->p50.count() - jin) <= tolerance);
}

TEST(TwinClosedForm, AnIdleGuestTakesOnePass) {
  // 100 MiB of data in 4 KiB pages: 25600 * 4104 B; the rest of 256 MiB: 39936 zero pages * 9 B.
  const auto profile = guest(256_MiB, 100_MiB, idle());
  const auto p = predict(profile, 40_MB_per_s);
  ASSERT_TRUE(p.converges);
  EXPECT_NEAR(p.transferred->p50.as_double(), 25600.0 * 4104 + 39936.0 * 9, 10);
}

TEST(TwinClosedForm, ASaturatedWorkingSetBelowTheThresholdConvergesAtAnyRate) {
  // 8 MiB rewritten at 1 GB/s, threshold 12 MB: unbounded dirtying, bounded dirt.
  const auto p = predict(guest(384_MiB, 300_MB, uniform(8_MiB, 1000_MB_per_s)), 40_MB_per_s);
  EXPECT_TRUE(p.converges);
}

TEST(TwinClosedForm, AUniformWriterConvergesUpToTheSteadyStateOfItsWorkingSet) {
  // Near the threshold QEMU syncs once per window, and the dirty set tends to S * (1 - B / r); it
  // converges where that is below h. S = 128 MiB, B = 40 MB/s, h = 12 MB: r = 40 / (1 - 12 / 134.2)
  // = 43.9 MB/s. Tolerance: 5 %, as looks come once per window and pages carry headers.
  const auto converges = [](double rate) {
    Options patient;
    patient.max_time = Seconds(3600);
    return predict(guest(384_MiB, 300_MB, uniform(128_MiB, BytesPerSecond(rate))), 40_MB_per_s,
                   Technique::kPrecopy, {}, patient)
        .converges;
  };
  EXPECT_TRUE(converges(0.95 * 43.9e6));
  EXPECT_FALSE(converges(1.05 * 43.9e6));
}

TEST(TwinClosedForm, DirtyLogOfLargeGuestsIsClearedByChunk) {
  // 8 GiB are 8 chunks, cleared at k/8 of the first pass: the second round sends the mean of
  // W(T (8 - k) / 8) = 9/16 of W(T) for a linear W, where one chunk alone would send all of it.
  const auto curve = sequential(Bytes(1'000'000'000'000), 1_MB_per_s);
  const auto eight = predict(guest(8_GiB, 8_GiB, curve), 100_MB_per_s);
  const auto one = predict(guest(1_GiB, 1_GiB, curve), 100_MB_per_s);
  const auto dirtied = [](const TechniquePrediction& p) {
    const double cold =
        30e6 - 5e6;  // left when the pass met the threshold: 300 ms less half a window
    return p.rounds[0].dirtied.as_double() - cold;
  };
  EXPECT_NEAR(dirtied(eight) / (eight.rounds[0].duration.count() * 1e6), 9.0 / 16, 0.01);
  EXPECT_NEAR(dirtied(one) / (one.rounds[0].duration.count() * 1e6), 1, 0.05);
}

TEST(Twin, StopAndCopyStandsStillThroughout) {
  const auto p = predict(guest(256_MiB, 100_MB, uniform(64_MiB, 100_MB_per_s)), 40_MB_per_s,
                         Technique::kStopAndCopy);
  ASSERT_TRUE(p.converges);
  EXPECT_NEAR(p.downtime.probe->p50.count(), p.total_time->p50.count(), 0.15);
  EXPECT_NEAR(p.downtime.events->p50.count(), p.total_time->p50.count(), 0.15);
  EXPECT_NEAR(p.downtime.qemu->p50.count(), p.total_time->p50.count(), 0.15);
  EXPECT_GT(p.slowdown->p50, Ratio(0.95));
}

TEST(Twin, AGuestLosesWhatItStandsStill) {
  // By hand: of 200 MB at 50 MB/s the last 50 MB, less half a window's 2.5, are sent to a guest
  // that stands still; 0.95 s and 44 ms of device state and resuming, of 4.1 s.
  const auto p = predict(guest(200_MB, 200_MB, idle()), 50_MB_per_s, Technique::kPrecopy,
                         with_limit(Seconds(1)));
  EXPECT_NEAR(p.slowdown->p50.value(), 0.994 / 4.1, 0.01);
}

TEST(Twin, AGuestThatStoodIdleHasNoWorkToLose) {
  GuestProfile profile = guest(256_MiB, 1_MB, idle());
  profile.vcpus = 2;
  profile.vcpu_use = 0;
  for (const Technique technique : kLivePresets) {
    if (needs_contents(technique)) continue;
    EXPECT_EQ(predict(profile, 125_MB_per_s, technique).slowdown->p95.value(), 0)
        << to_string(technique);
  }
  profile.vcpu_use = 0.2;
  EXPECT_GT(predict(profile, 125_MB_per_s).slowdown->p50.value(), 0);
  profile.vcpu_use.reset();
  EXPECT_GT(predict(profile, 125_MB_per_s).slowdown->p50.value(), 0)
      << "nobody watched: taken for busy";
}

TEST(Twin, WhereNextToNothingIsSentTheSwitchoverIsAllOfIt) {
  // A VM that waits in its firmware. 1 MB takes 8 ms; device state and resuming alone take 44 ms,
  // in whatever way the guest is stopped.
  const GuestProfile profile = guest(256_MiB, 1_MB, idle());
  const HostPairConstants pair;
  const Seconds least = pair.device_state.p50 + pair.resume.p50;
  for (const Technique technique : kLivePresets) {
    if (needs_contents(technique)) continue;
    const auto p = predict(profile, 125_MB_per_s, technique);
    EXPECT_GE(p.total_time->p50, p.downtime.qemu->p50) << to_string(technique);
    EXPECT_GE(p.total_time->p95, p.downtime.qemu->p95) << to_string(technique);
    if (uses_postcopy(technique)) continue;
    EXPECT_GE(p.downtime.qemu->p50, least) << to_string(technique);
    EXPECT_GE(p.downtime.probe->p50, least) << to_string(technique);
  }
}

TEST(Twin, AGuestLosesWhatItWaits) {
  // Between two hosts on which a guest's page is always there by the time it is wanted, post-copy
  // costs no more than the outage; where each is waited for, nothing at all gets done.
  const auto lost = [](double waits) {
    Options options;
    options.pair.still_waits = {waits, waits, waits};
    const auto p = predict(kSmallWriter, 40_MB_per_s, Technique::kPostcopy, {}, options);
    return std::pair(p.slowdown->p50.value(), p.downtime.probe->p50 / p.total_time->p50);
  };
  EXPECT_NEAR(lost(0).first, lost(0).second, 0.02);
  EXPECT_LT(lost(0).first, 0.6) << "so that there is something to lose";
  EXPECT_NEAR(lost(1).first, 1, 0.03);
  EXPECT_NEAR(lost(0.5).first, (lost(0).first + lost(1).first) / 2, 0.01);
}

TEST(Twin, AGuestLosesWhatItIsThrottledBy) {
  // It writes 60 MB/s over 40: from 20 % on, QEMU holds its vCPUs back by 10 % more at a time.
  const auto p = predict(guest(256_MiB, 243_MB, uniform(128_MiB, 60_MB_per_s)), 40_MB_per_s,
                         Technique::kAutoConverge);
  ASSERT_TRUE(p.converges) << p.why;
  const double stood = p.downtime.events->p50 / p.total_time->p50;
  EXPECT_GT(p.slowdown->p50.value(), stood + 0.05);
  EXPECT_LT(p.slowdown->p50.value(), 1);
}

TEST(Twin, APostcopysDestinationRunsTheSoonerTheFasterWhatIsOnItsWayArrives) {
  const auto slow = predict(kSmallWriter, 20_MB_per_s, Technique::kPostcopy);
  const auto fast = predict(kSmallWriter, 80_MB_per_s, Technique::kPostcopy);
  // 1.6 MB: 80 ms and 20 ms
  EXPECT_NEAR((slow.downtime.events->p50 - fast.downtime.events->p50).count(), 0.06, 0.002);
}

/// 6 MiB, written anew each hundredth of a second without changing, and what hashes see beside it.
GuestProfile hot_and_hidden() {
  const auto seen = sequential(64_MiB, 1_MB_per_s);
  GuestProfile profile = guest(256_MiB, 138_MB, seen);
  profile.other_curves = {{DirtySource::kContentHash, "", profile.dirty_curve}};
  profile.source = DirtySource::kRehearsal;
  profile.dirty_curve.clear();
  for (const double t : {0.3, 0.5, 0.9}) {
    const Bytes all = 6_MiB + seen(Seconds(t));
    profile.dirty_curve.push_back({Seconds(t), all, all, all});
  }
  return profile;
}

TEST(Twin, ALimitThatASmallHotSetDoesNotFitIsNotPromised) {
  // Sending it takes a tenth of a second; the rehearsal's shortest pass took three.
  Options options;
  options.draws = kManyDraws;
  const auto with = [&](Seconds limit) {
    return predict(hot_and_hidden(), 60_MB_per_s, Technique::kPrecopy, with_limit(limit), options);
  };
  EXPECT_FALSE(with(Seconds(0.02)).converges);
  EXPECT_LT(with(Seconds(0.02)).converges_probability->value(), 0.5);
  EXPECT_GT(with(Seconds(0.2)).converges_probability->value(), 0.9);
}

TEST(Twin, WhereAHybridsStopComesBetweenTwoLooksIsChance) {
  MigrationParameters half;
  half.precopy_share = Ratio(0.5);
  const auto p = predict(kSmallWriter, 40_MB_per_s, Technique::kHybrid, half);
  EXPECT_GT((p.downtime.events->p95 - p.downtime.events->p05).count(), 0.2);
  EXPECT_GE(p.downtime.probe->p50, p.downtime.events->p50);
}

TEST(Twin, AHostWorksForTheGuestAndForEachByte) {
  auto profile = guest(256_MiB, 200_MB, idle());
  profile.vcpus = 2;
  profile.vcpu_use = 0;
  const auto lazy = predict(profile, 40_MB_per_s);
  profile.vcpu_use = 2;
  const auto busy = predict(profile, 40_MB_per_s);
  const double seconds = busy.total_time->p50.count() * (1 - busy.slowdown->p50.value());
  EXPECT_NEAR((busy.host_cpu->p50 - lazy.host_cpu->p50).count(), 2 * seconds, 0.1);
  EXPECT_GT(lazy.host_cpu->p50, Seconds(0.5));  // 200 MB at 3.8 s per GB
}

TEST(Twin, GuessesWhereAProfileDoesNotSayWhatLiesAtTheEnd) {
  GuestProfile profile = kSmallWriter;
  EXPECT_TRUE(guesses(profile, Technique::kPrecopy));
  EXPECT_FALSE(guesses(profile, Technique::kPostcopy)) << "it sends everything in one pass";
  EXPECT_FALSE(guesses(profile, Technique::kStopAndCopy));
  profile.data_by_part = {Ratio(1)};
  EXPECT_TRUE(guesses(profile, Technique::kMultifdZstd));
  profile.data_by_part.assign(32, Ratio(0.5));
  EXPECT_FALSE(guesses(profile, Technique::kPrecopy));
  EXPECT_TRUE(guesses(profile, Technique::kMultifdZstd)) << "how far does the end shrink?";
  profile.data_by_part[30] = profile.data_by_part[31] = Ratio(0);
  EXPECT_FALSE(guesses(profile, Technique::kMultifdZstd)) << "there are no data there";
  profile.data_by_part[31] = Ratio(0.1);
  profile.end_contents.emplace();
  EXPECT_FALSE(guesses(profile, Technique::kMultifdZstd));
}

TEST(Twin, AGenerousLimitEndsAPassWhereZerosAre) {
  // the last quarter of RAM is empty: 100 MB of the 400 MB are left, and hold nothing
  auto profile = guest(400_MB, 300_MB, idle());
  const auto blind = predict(profile, 50_MB_per_s, Technique::kPrecopy, with_limit(Seconds(1)));
  profile.data_by_part = {Ratio(1), Ratio(1), Ratio(1), Ratio(0)};
  const auto known = predict(profile, 50_MB_per_s, Technique::kPrecopy, with_limit(Seconds(1)));
  EXPECT_GT(blind.downtime.qemu->p50, Seconds(0.6));
  EXPECT_LT(known.downtime.qemu->p50, Seconds(0.1));
  EXPECT_NEAR(known.total_time->p50.count(), blind.total_time->p50.count(), 0.2);
}

TEST(Twin, AShareIsOfAllMemoryZerosIncluded) {
  auto profile = guest(400_MB, 200_MB, idle());
  profile.data_by_part = {Ratio(1), Ratio(0), Ratio(0), Ratio(1)};
  MigrationParameters parameters = with_limit(Seconds(0.05));
  for (const double share : {0.3, 0.5, 0.7}) {
    parameters.precopy_share = Ratio(share);
    const auto p = predict(profile, 50_MB_per_s, Technique::kHybrid, parameters);
    ASSERT_EQ(p.rounds.size(), 2u);
    EXPECT_NEAR(p.rounds[0].sent.as_double(), 100e6, 2e6) << share;
  }
}

TEST(Twin, ASmallShareOfASparseGuestIsNoTimeAtAll) {
  MigrationParameters parameters = with_limit(Seconds(0.05));
  parameters.precopy_share = Ratio(0.05);
  const auto p = predict(guest(4_GiB, 20_MB, idle()), 50_MB_per_s, Technique::kHybrid, parameters);
  ASSERT_FALSE(p.rounds.empty());
  for (const PredictedRound& round : p.rounds) {
    EXPECT_GE(round.sent, Bytes(0));
    EXPECT_GE(round.duration, Seconds(0));
  }
  EXPECT_GE(p.total_time->p05, Seconds(0));
}

TEST(Twin, ZerosBeforeTheEndArePassedInOneWindow) {
  // the threshold is met among zeros: a window's worth of what lies behind them still goes
  auto profile = guest(400_MB, 220_MB, idle());
  profile.data_by_part = {Ratio(1), Ratio(1), Ratio(0), Ratio(0.2)};
  const auto p = predict(profile, 50_MB_per_s, Technique::kPrecopy, with_limit(Seconds(1)));
  EXPECT_NEAR(p.downtime.events->p50.count(), (50 * 0.2 - 2.5) / 50 + 0.044, 0.02);
}

TEST(Twin, HybridWithAGenerousLimitEndsBeforeItsShare) {
  // 50 of 100 MB may be left: QEMU switches over before three quarters have been sent
  MigrationParameters parameters = with_limit(Seconds(1));
  parameters.precopy_share = Ratio(0.75);
  const auto p =
      predict(guest(100_MB, 100_MB, idle()), 50_MB_per_s, Technique::kHybrid, parameters);
  EXPECT_THAT(p.why, HasSubstr("before post-copy would begin"));
  EXPECT_GT(p.downtime.qemu->p50, Seconds(0.8));
}

TEST(Twin, HybridOfACalmGuestEndsAsPrecopy) {
  const auto profile = guest(256_MiB, 100_MB, idle());
  const auto hybrid = predict(profile, 40_MB_per_s, Technique::kHybrid);
  const auto precopy = predict(profile, 40_MB_per_s);
  EXPECT_EQ(hybrid.downtime.probe->p50, precopy.downtime.probe->p50);
  EXPECT_THAT(hybrid.why, HasSubstr("before post-copy would begin"));
}

TEST(Twin, EchoesWhatItAssumed) {
  const auto p = predict(kSmallWriter, 42_MB_per_s, Technique::kHybrid);
  EXPECT_EQ(p.parameters.max_bandwidth, 42_MB_per_s);
  EXPECT_EQ(p.parameters.downtime_limit, kDefaultDowntimeLimit);
  EXPECT_EQ(p.parameters.precopy_share, Ratio(1));
  EXPECT_EQ(p.model, "twin");
  EXPECT_EQ(predict(kSmallWriter, 42_MB_per_s, Technique::kPostcopy).parameters.precopy_share,
            Ratio(0));
}

TEST(Twin, RefusesWhatItCannotPredict) {
  const auto predictor = Predictor::make(kSmallWriter, Link{42_MB_per_s, {}});
  ASSERT_TRUE(predictor.has_value());
  for (const Technique technique : {Technique::kColdZstd, Technique::kCold}) {
    const auto refused = predictor->predict(technique);
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().code, ErrorCode::kUnsupported);
  }
  EXPECT_FALSE(predictor->predict(Technique::kPrecopy, with_limit(Seconds(0))).has_value());
  MigrationParameters share;
  share.precopy_share = Ratio(1.5);
  EXPECT_FALSE(predictor->predict(Technique::kHybrid, share).has_value());
  EXPECT_FALSE(Predictor::make(kSmallWriter, Link{}).has_value());
  auto no_share = kSmallWriter;
  no_share.zero_share = Ratio(std::nan(""));
  EXPECT_FALSE(Predictor::make(no_share, Link{42_MB_per_s, {}}).has_value());
}

// A uniform writer is swept from a rate that always ends to one that never does: in between lies a
// band in which chance decides, and the verdict is what is likelier.
TEST(Twin, WithDrawsItSaysHowLikelyItEnds) {
  Options drawn;
  drawn.draws = kManyDraws;
  double before = 1;
  int undecided = 0;
  for (double rate = 5e6; rate < 60e6; rate *= 1.05) {
    const auto writer = guest(512_MiB, 300_MB, uniform(128_MiB, BytesPerSecond(rate)), 0.15);
    const auto p = predict(writer, 40_MB_per_s, Technique::kPrecopy, {}, drawn);
    ASSERT_TRUE(p.converges_probability) << rate;
    const double probability = p.converges_probability->value();
    EXPECT_EQ(p.converges, probability >= 0.5) << rate;
    EXPECT_LE(probability, before + 0.05) << "the faster it writes, the less likely: " << rate;
    EXPECT_EQ(p.total_time.has_value(), p.converges);
    if (p.total_time) {
      EXPECT_LE(p.total_time->p95, drawn.max_time + Seconds(2)) << "of those that end";
    }
    undecided += probability > 0.05 && probability < 0.95;
    before = probability;
  }
  EXPECT_LT(before, 0.05);
  EXPECT_GT(undecided, 0) << "the sweep never met the band in which chance decides";
}

TEST(Twin, WithoutDrawsItDoesNotSayHowLikelyItEnds) {
  EXPECT_FALSE(predict(guest(256_MiB, 100_MB, idle()), 40_MB_per_s).converges_probability);
}

TEST(Twin, TooLongForTheTimeLimitDoesNotConverge) {
  Options hurried;
  hurried.max_time = Seconds(2);
  for (const Technique t :
       {Technique::kPrecopy, Technique::kPostcopy, Technique::kHybrid, Technique::kStopAndCopy}) {
    const auto p = predict(kSmallWriter, 42_MB_per_s, t, {}, hurried);
    EXPECT_FALSE(p.converges) << to_string(t);
    EXPECT_THAT(p.why, HasSubstr("longer than the 2.00 s")) << to_string(t);
  }
}

// --- Properties
// -----------------------------------------------------------------------------------

struct Setting {
  Bytes ram;
  Bytes data;
  Bytes working_set;
  BytesPerSecond rate;
  BytesPerSecond link;
};

Setting random_setting() {
  Setting s;
  s.ram = 1_MiB * *rc::gen::inRange<std::int64_t>(64, 4096);
  s.data = s.ram * Ratio(*rc::gen::inRange(5, 100) / 100.0);
  s.working_set = s.data * Ratio(*rc::gen::inRange(1, 100) / 100.0);
  s.rate = BytesPerSecond(*rc::gen::inRange(0, 200) * 1e6);
  s.link = BytesPerSecond(*rc::gen::inRange(10, 1000) * 1e6);
  return s;
}
GuestProfile profile_of(const Setting& s) {
  return guest(s.ram, s.data, uniform(s.working_set, s.rate), 0.05);
}
Technique random_technique() {
  return *rc::gen::element(Technique::kPrecopy, Technique::kPostcopy, Technique::kHybrid,
                           Technique::kStopAndCopy);
}

// Where in a 100 ms window the threshold is met shifts with every input, so the order of two
// predictions is meant up to two windows.
constexpr double kPhase = 0.2;

RC_GTEST_PROP(TwinProperty, MoreBandwidthIsNeverSlower, ()) {
  const Setting s = random_setting();
  const Technique technique = *rc::gen::element(Technique::kPrecopy, Technique::kStopAndCopy);
  const auto faster = s.link * Ratio(1 + *rc::gen::inRange(1, 300) / 100.0);
  RC_ASSERT(total(predict(profile_of(s), faster, technique)) <=
            total(predict(profile_of(s), s.link, technique)) + kPhase);
}

RC_GTEST_PROP(TwinProperty, LessDirtyingNeverTakesLonger, ()) {
  const Setting s = random_setting();
  Setting calmer = s;
  calmer.rate = s.rate * Ratio(*rc::gen::inRange(0, 100) / 100.0);
  const Technique technique = random_technique();
  RC_ASSERT(total(predict(profile_of(calmer), s.link, technique)) <=
            total(predict(profile_of(s), s.link, technique)) + kPhase);
}

RC_GTEST_PROP(TwinProperty, ALargerDowntimeLimitNeverTakesLonger, ()) {
  const Setting s = random_setting();
  const double limit = *rc::gen::inRange(10, 1000) / 1000.0;
  const double larger = limit * (1 + *rc::gen::inRange(1, 300) / 100.0);
  const auto at = [&](double seconds) {
    return total(predict(profile_of(s), s.link, Technique::kPrecopy, with_limit(Seconds(seconds))));
  };
  RC_ASSERT(at(larger) <= at(limit) + kPhase);
}

RC_GTEST_PROP(TwinProperty, BytesAreTheSumOfTheRounds, ()) {
  const Setting s = random_setting();
  const auto p = predict(profile_of(s), s.link, random_technique());
  RC_PRE(p.converges);
  Bytes sum;
  Seconds time{};
  for (const PredictedRound& round : p.rounds) {
    sum += round.sent;
    time += round.duration;
  }
  const auto slack = static_cast<double>(p.rounds.size()) + 1;  // each is rounded to whole bytes
  RC_ASSERT(std::abs((sum - p.transferred->p50).as_double()) <= slack);
  // where there is next to nothing to send, the switchover is all of it
  const Seconds all = std::max(time + HostPairConstants{}.overhead.p50, p.downtime.qemu->p50);
  RC_ASSERT(std::abs((p.total_time->p50 - all).count()) <= 1e-6);
}

RC_GTEST_PROP(TwinProperty, IntervalsAreOrderedAndPredictionsRepeat, ()) {
  const Setting s = random_setting();
  const Technique technique = random_technique();
  const auto p = predict(profile_of(s), s.link, technique);
  RC_ASSERT(p == predict(profile_of(s), s.link, technique));
  RC_ASSERT(!p.why.empty());
  RC_PRE(p.converges);
  const auto ordered = [](const auto& i) { return i.p05 <= i.p50 && i.p50 <= i.p95; };
  RC_ASSERT(ordered(*p.total_time) && ordered(*p.transferred));
  RC_ASSERT(ordered(*p.downtime.qemu) && ordered(*p.downtime.events) && ordered(*p.downtime.probe));
  RC_ASSERT(p.downtime.qemu->p05 >= Seconds(0));
  RC_ASSERT(p.downtime.qemu->p50 <= p.downtime.events->p50);
  RC_ASSERT(p.downtime.events->p50 <= p.downtime.probe->p50);
}

RC_GTEST_PROP(TwinProperty, PrecopyNeverSendsLessThanAllMemoryOnce, ()) {
  const Setting s = random_setting();
  const auto p = predict(profile_of(s), s.link, random_technique());
  RC_PRE(p.converges);
  RC_ASSERT(p.transferred->p50.as_double() >= s.data.as_double() * 0.999);
}

}  // namespace
}  // namespace godwit::twin
