#include "godwit/profile/observe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <stop_token>
#include <vector>

#include "godwit/codec/codec.h"
#include "synthetic_guest.h"

namespace godwit::profile {
namespace {

using ::testing::HasSubstr;

constexpr PageSize kObservedPage(4096);

ObserveOptions whole_ram() {
  ObserveOptions options;
  options.half_width = Ratio(0);
  return options;
}

Bytes pages(std::int64_t count) {
  return kObservedPage.bytes_of(PageCount(count));
}

TEST(Observe, OfWholeRamIsExact) {
  Bench bench(3000);
  bench.guest.fill(0, 2000);
  bench.guest.always_write(0, 100);
  bench.guest.at(Seconds(3), [](SyntheticGuest& g) { g.fill(100, 200); });
  const auto profile = bench.observe(whole_ram());
  ASSERT_TRUE(profile) << profile.error().message;
  EXPECT_EQ(profile->ram, pages(3000));
  EXPECT_EQ(profile->sampled_pages, PageCount(3000));
  EXPECT_EQ(profile->host_cpus, 48);
  EXPECT_DOUBLE_EQ(profile->zero_share.value(), 1.0 / 3);
  ASSERT_EQ(profile->data_by_part.size(), 32U);
  EXPECT_EQ(profile->data_by_part[20], Ratio(1));
  EXPECT_EQ(profile->data_by_part[22], Ratio(0));
  ASSERT_EQ(profile->dirty_curve.size(), 7U);
  // What is written at 3 s falls into one of the two windows of 2 s and of 4 s: half of it counts.
  const std::vector<std::int64_t> unique{100, 100, 100, 100, 150, 150, 200};
  for (std::size_t i = 0; i < unique.size(); ++i) {
    const DirtyPoint& point = profile->dirty_curve[i];
    EXPECT_NEAR(point.window.count(), 0.125 * std::pow(2, i), 1e-6);
    EXPECT_EQ(point.unique, pages(unique[i])) << "at " << point.window.count() << " s";
    EXPECT_EQ(point.low, point.unique);
    EXPECT_EQ(point.high, point.unique);
  }
  ASSERT_EQ(profile->dirty_series.size(), 7U);
  EXPECT_EQ(profile->dirty_series[4].unique, pages(100));  // 1 to 2 s
  EXPECT_EQ(profile->dirty_series[5].unique, pages(200));  // 2 to 4 s
}

TEST(Observe, WatchesAFewPagesInEqualSlots) {
  Bench bench(100);
  bench.guest.always_write(0, 10);
  for (const double at : {3.01, 6.01}) {
    bench.guest.at(Seconds(at), [](SyntheticGuest& g) { g.fill(20, 70); });
  }
  const auto profile = bench.observe({});
  ASSERT_TRUE(profile) << profile.error().message;
  ASSERT_TRUE(profile->write_trace);
  const WriteTrace& trace = *profile->write_trace;
  EXPECT_NEAR(trace.slot.count(), 0.03125, 1e-4);  // the first look waited its turn
  EXPECT_EQ(trace.slots, 240);                     // from half a second on
  EXPECT_EQ(trace.pages, PageCount(100));
  ASSERT_EQ(trace.changed.size(), 60U);
  EXPECT_EQ(trace.changed[0], std::vector<bool>(240, true));
  for (std::size_t i = 10; i < 60; ++i) {
    const std::vector<bool>& page = trace.changed[i];
    EXPECT_EQ(std::count(page.begin(), page.end(), true), 2);
    EXPECT_TRUE(std::any_of(page.begin() + 80, page.begin() + 96, [](bool b) { return b; }))
        << "from 3 s on, when it had its turn";
    EXPECT_TRUE(page[176]) << "6 to 6.03125 s";
  }
}

/// Of each half second the guest writes for three tenths.
TEST(Observe, SeesPausesOfTwoTenthsOfASecond) {
  Bench bench(50'000);
  Rng rng(1);
  for (double at = 0.011; at < 9; at += 0.01) {
    if (std::fmod(at, 0.5) > 0.295) continue;
    bench.guest.at(Seconds(at), [&rng](SyntheticGuest& g) {
      for (int i = 0; i < 300; ++i) ++g.version(rng.below(5'000));
    });
  }
  const auto profile = bench.observe({});
  ASSERT_TRUE(profile && profile->write_trace);
  const WriteTrace& trace = *profile->write_trace;
  EXPECT_GT(trace.pages, PageCount(600)) << "nine in ten of them were never written";
  EXPECT_LT(trace.pages, PageCount(1000));
  std::vector<double> by_place(16);  // of a slot within half a second
  for (const std::vector<bool>& page : trace.changed) {
    for (std::size_t slot = 0; slot < page.size(); ++slot) by_place[slot % 16] += page[slot];
  }
  const double busy = *std::max_element(by_place.begin(), by_place.end());
  EXPECT_EQ(std::count_if(by_place.begin(), by_place.end(),
                          [&](double changes) { return changes < busy / 20; }),
            6)
      << "of slots of 31 ms, 0.3 to 0.5 s have six";
}

TEST(Observe, LooksAtNoMorePagesASlotWhereAllChange) {
  Bench bench(2'000);
  bench.guest.always_write(0, 2'000);
  const auto profile = bench.observe({});
  ASSERT_TRUE(profile && profile->write_trace);
  EXPECT_EQ(profile->write_trace->pages, PageCount(124));
  EXPECT_EQ(profile->write_trace->changed.size(), 124U);
}

TEST(Observe, WatchesNothingWhereThatCostsTooMuch) {
  Bench bench(200'000);
  bench.guest.cpu_per_page = Seconds(20e-6);  // 124 pages 257 times: 0.64 s of 8
  const auto profile = bench.observe({});
  ASSERT_TRUE(profile) << profile.error().message;
  EXPECT_FALSE(profile->write_trace);
}

TEST(Observe, CountsAPageThatChangesBack) {
  Bench bench(1000);
  bench.guest.at(Seconds(1.5), [](SyntheticGuest& g) { g.fill(0, 500); });
  bench.guest.at(Seconds(7), [](SyntheticGuest& g) {
    for (std::int64_t page = 0; page < 500; ++page) g.version(page) = 0;
  });
  const auto profile = bench.observe(whole_ram());
  ASSERT_TRUE(profile) << profile.error().message;
  EXPECT_EQ(profile->dirty_curve.back().unique, pages(500));
}

TEST(Observe, CannotSeeSilentStoresAndSaysSo) {
  Bench bench(1000);
  for (int i = 1; i < 80; ++i) {
    bench.guest.at(Seconds(i / 10.0), [](SyntheticGuest& g) { g.store_silently(0, 1000); });
  }
  const auto profile = bench.observe(whole_ram());
  ASSERT_TRUE(profile) << profile.error().message;
  EXPECT_EQ(bench.guest.silent_stores, 79'000);
  EXPECT_EQ(profile->dirty_curve.back().unique, Bytes(0));
  EXPECT_EQ(profile->source, DirtySource::kContentHash);
  EXPECT_THAT(profile->blind_spot, HasSubstr("silent stores"));
}

TEST(Observe, SeesWhatPagesHoldAndHowTheyChange) {
  Bench bench(1000);
  bench.guest.fill(0, 500);
  bench.guest.always_write(0, 100);
  const auto profile = bench.observe(whole_ram());
  ASSERT_TRUE(profile) << profile.error().message;
  ASSERT_TRUE(profile->contents);
  EXPECT_EQ(profile->contents->sampled, PageCount(500));
  EXPECT_LT(profile->contents->zlib.value(), 0.05);  // 16 bytes of 4096
  EXPECT_EQ(profile->duplicate_share, Ratio(0));     // each holds its number
  ASSERT_TRUE(profile->changed_contents);
  EXPECT_EQ(profile->changed_contents->sampled, PageCount(100));
  ASSERT_TRUE(profile->change);
  EXPECT_EQ(profile->change->sampled, PageCount(700));  // at each of 7 looks after the first
  EXPECT_DOUBLE_EQ(profile->change->modified_words.value(), 1.0 / 512);
  EXPECT_DOUBLE_EQ(profile->change->xbzrle_overflow.value(), 0);
}

TEST(Observe, ZerosAreThoseOfTheEnd) {
  Bench bench(3000);
  bench.guest.fill(0, 2000);
  bench.guest.at(Seconds(3), [](SyntheticGuest& g) { g.fill(2000, 2500); });
  bench.guest.at(Seconds(5), [](SyntheticGuest& g) {
    for (std::int64_t page = 0; page < 1500; ++page) g.version(page) = 0;
  });
  const auto profile = bench.observe(whole_ram());
  ASSERT_TRUE(profile) << profile.error().message;
  EXPECT_DOUBLE_EQ(profile->zero_share.value(), 2.0 / 3);
  EXPECT_EQ(profile->data_by_part.front(), Ratio(0));
  EXPECT_EQ(profile->changed_to_zero_share, Ratio(0.75));
}

TEST(Observe, AGuestOfZerosHasNoContents) {
  Bench bench(1000);
  const auto profile = bench.observe(whole_ram());
  ASSERT_TRUE(profile);
  EXPECT_FALSE(profile->contents);
  EXPECT_FALSE(profile->change);
}

TEST(Observe, PassesOnThatTheVmExited) {
  Bench bench(1000);
  bench.guest.at(Seconds(2), [](SyntheticGuest& g) { g.exit(); });
  const auto profile = bench.observe(whole_ram());
  ASSERT_FALSE(profile);
  EXPECT_EQ(profile.error().code, ErrorCode::kPeerGone);
}

TEST(Observe, StopsWhenAsked) {
  Bench bench(1000);
  std::stop_source stop;
  Rng rng(1);
  const auto interrupt = [&](const ObserveProgress& progress) {
    if (progress.done >= Ratio(0.25)) stop.request_stop();
  };
  const auto profile =
      observe(bench.guest, bench.clock, rng, whole_ram(), stop.get_token(), interrupt);
  ASSERT_FALSE(profile);
  EXPECT_EQ(profile.error().code, ErrorCode::kInterrupted);
  EXPECT_THAT(profile.error().message, HasSubstr("interrupted"));
  EXPECT_LT(bench.clock.now() - TimePoint{}, Seconds(4.1));
}

TEST(Observe, TellsHowFarItIs) {
  Bench bench(20'000);
  std::vector<ObserveProgress> told;
  Rng rng(1);
  const auto tell = [&](const ObserveProgress& progress) { told.push_back(progress); };
  ASSERT_TRUE(observe(bench.guest, bench.clock, rng, ObserveOptions{}, {}, tell));
  ASSERT_GT(told.size(), 10U);
  ASSERT_LT(told.size(), 100U);
  for (std::size_t i = 1; i < told.size(); ++i) {
    EXPECT_GT(told[i].done, told[i - 1].done);
    EXPECT_LT(told[i].left, told[i - 1].left);
  }
  EXPECT_GT(told.back().done.value(), 0.9);
  EXPECT_LE(told.back().done.value(), 1.0);
}

TEST(Observe, KeepsToTheCpuCapWithASmallerSample) {
  Bench bench(200'000);
  bench.guest.always_write(0, 100'000);
  bench.guest.cpu_per_page = Seconds(20e-6);  // all wanted pages, 8 times: 2.1 s of CPU
  const auto profile = bench.observe({});
  ASSERT_TRUE(profile) << profile.error().message;
  EXPECT_LE(bench.guest.own_cpu_time() / profile->observed, 0.10 + 1e-9);
  EXPECT_GE(bench.guest.own_cpu_time() / profile->observed, 0.08) << "the cap is used";
  EXPECT_LT(profile->sampled_pages, PageCount(6000));
  const DirtyPoint& point = profile->dirty_curve.back();
  EXPECT_LE(point.low, pages(100'000));
  EXPECT_GE(point.high, pages(100'000));
  EXPECT_GT((point.high - point.low).as_double(), pages(200'000).as_double() * 0.02);
  EXPECT_LT((point.high - point.low).as_double(), pages(200'000).as_double() * 0.04);
}

TEST(Observe, KeepsToTheTrafficCapAlsoWhenItIsLate) {
  Bench bench(10'000);
  bench.guest.at(Seconds(0.3), [&](SyntheticGuest&) { bench.clock.advance(Seconds(3)); });
  ObserveOptions options = whole_ram();
  const auto profile = bench.observe(options);
  ASSERT_TRUE(profile) << profile.error().message;
  const auto& reads = bench.guest.reads;
  const Seconds pace = pages(256) / options.traffic_cap;
  for (std::size_t i = 0; i < reads.size(); ++i) {
    double chunks = 0;  // after the first
    for (std::size_t j = i + 1; j < reads.size(); ++j) {
      chunks += std::min(1.0, static_cast<double>(bench.guest.pages_asked[j]) / 256);
      const double allowed = (reads[j] - reads[i]) / pace + 9;  // 8 looks may come together
      ASSERT_LE(chunks, allowed);
    }
  }
  // The windows are those that really passed; the stored form insists that they rise.
  EXPECT_TRUE(profile_from_json(to_json(*profile)));
  EXPECT_GT(profile->dirty_curve.front().window, Seconds(0.125));
}

TEST(Observe, MeasuresVcpuUse) {
  Bench bench(1000);
  EXPECT_EQ(bench.observe({})->vcpu_use, std::nullopt);
  bench.guest.vcpus_busy = 0.75;
  ObserveOptions options;
  options.vcpus = 2;
  options.accelerator = "tcg";
  options.qemu_version = "10.0.2";
  const auto profile = bench.observe(options);
  EXPECT_NEAR(*profile->vcpu_use, 0.75, 1e-9);
  EXPECT_EQ(profile->vcpus, 2);
  EXPECT_EQ(profile->accelerator, "tcg");
  EXPECT_EQ(profile->qemu_version, "10.0.2");
  EXPECT_NEAR(profile->observed.count(), 9, 0.5);
  bench.guest.vcpus_busy = 2.001;
  EXPECT_DOUBLE_EQ(*bench.observe(options)->vcpu_use, 2.0);
}

TEST(Observe, RefusesOptionsThatMakeNoSense) {
  Bench bench(100);
  const auto code = [&](const ObserveOptions& options) {
    return bench.observe(options).error().code;
  };
  ObserveOptions options;
  for (const double length : {0.5, 601.0, -1.0, std::nan("")}) {
    options.length = Seconds(length);
    EXPECT_EQ(code(options), ErrorCode::kBadInput) << length;
  }
  options = {};
  options.cpu_cap = Ratio(0);
  EXPECT_EQ(code(options), ErrorCode::kBadInput);
  options = {};
  options.traffic_cap = BytesPerSecond(-1);
  EXPECT_EQ(code(options), ErrorCode::kBadInput);
  EXPECT_EQ(bench.guest.pages_read, 0) << "and leaves the VM alone";
}

}  // namespace
}  // namespace godwit::profile
