#include "godwit/agility/disk_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>

#include "godwit/agility/agility.h"

namespace godwit::agility {
namespace {

using testing::HasSubstr;

constexpr BytesPerSecond kRate = 40_Mbit_per_s;

/// 256 MiB, half of it data, of which so many chunks are written so often.
GuestProfile guest(std::vector<ChunkClass> classes, BytesPerSecond reads = {}) {
  GuestProfile profile;
  profile.disks = {{"disk0", 256_MiB, 128_MiB, DiskWrites{64_KiB, Seconds(8), classes}}};
  profile.activity.disk_read = reads;
  return profile;
}

DiskModel model_of(const GuestProfile& profile) {
  return DiskModel::make(profile, Link{kRate, Seconds(0.005)}).value();
}

constexpr double kHeld = 128 << 20;
constexpr MemoryCourse kMemory{20, 0.3, 0, 0, 0.3};

double seconds_for(double bytes) {
  return bytes / (kRate.value() * DiskCosts().goodput);
}

TEST(DiskModel, NeedsDisksThatTellWhatTheyHold) {
  GuestProfile profile = guest({});
  EXPECT_TRUE(DiskModel::make(profile, Link{kRate, {}}));
  EXPECT_FALSE(DiskModel::make(profile, Link{{}, {}})) << "no rate";
  profile.disks.push_back({"disk1", 1_GiB, std::nullopt, {}});
  EXPECT_FALSE(DiskModel::make(profile, Link{kRate, {}}));
  profile.disks.clear();
  EXPECT_FALSE(DiskModel::make(profile, Link{kRate, {}}));
}

/// A mirror of a quiet disk: what it holds, at the link's rate.
TEST(DiskModel, AllOfAQuietDiskTakesItsBytesOverTheLink) {
  const DiskCourse course = model_of(guest({})).course(1, kMemory);
  EXPECT_DOUBLE_EQ(course.ready, kHeld / kRate.value());
  EXPECT_DOUBLE_EQ(course.copied, kHeld);
  EXPECT_EQ(course.finish, 0);
  EXPECT_EQ(course.rest, 0);
  EXPECT_EQ(course.fetched, 0);
  // nothing is missing: delta-T takes delta-T
  EXPECT_NEAR(course.restored, 20, 1e-9);
  EXPECT_NEAR(course.agility, 20 / 20.3, 1e-9);
}

/// By hand: a quarter is 32 MiB, and no round follows as nothing was written.
TEST(DiskModel, AShareOfAQuietDiskIsCopiedOnceAndTheRestFetchedWithItsHoles) {
  const DiskCosts costs;
  const DiskCourse course = model_of(guest({})).course(0.25, kMemory);
  EXPECT_NEAR(course.ready, 2 + costs.set_up + seconds_for(kHeld / 4), 1e-6);
  EXPECT_NEAR(course.finish, costs.hand_over, 1e-9);
  EXPECT_NEAR(course.fetched, kHeld * 3 / 4, 1);
  // 192 chunks of 512 KiB with data, and 256 without, each with two round trips
  const double each = costs.chunk + 2 * 0.005;
  EXPECT_NEAR(course.rest, seconds_for(kHeld * 3 / 4) + (192 + 256) * each + costs.settle, 1e-6);
}

/// 800 chunks of 2048, each written four times a second: they are hot, and the colder half has
/// none.
TEST(DiskModel, WhatIsWrittenOftenGoesLast) {
  const DiskModel model = model_of(guest({{800, 4}}));
  const DiskCourse half = model.course(0.5, kMemory);
  EXPECT_NEAR(half.copied, kHeld / 2, 0.05 * kHeld) << "hardly anything is copied again";
  const DiskCourse most = model.course(0.95, kMemory);
  EXPECT_GT(most.copied, 1.1 * 0.95 * kHeld) << "hot chunks are copied again and again";
}

/// However much is written, what is copied while the guest stands still is bounded.
RC_GTEST_PROP(DiskModel, TheStopIsBounded, (std::uint16_t chunks, std::uint8_t rate)) {
  const DiskModel model = model_of(guest({{chunks % 2049 * 1.0, rate / 8.0}}));
  for (const double share : {0.0, 0.3, 0.9}) {
    const DiskCourse course = model.course(share, kMemory);
    RC_ASSERT(course.finish <= DiskCosts().hand_over + 0.25 * kMemory.downtime_limit + 1e-9);
    RC_ASSERT(course.fetched >= 0 && course.fetched <= kHeld + 1);
    RC_ASSERT(course.agility > 0 && course.agility <= 1);
  }
}

RC_GTEST_PROP(DiskModel, AShareLeavesNoMoreToFetchThanNone,
              (std::uint16_t chunks, std::uint8_t rate)) {
  const DiskModel model =
      model_of(guest({{chunks % 2049 * 1.0, rate / 200.0}}, BytesPerSecond(500e3)));
  const double none = model.course(0, kMemory).rest;
  for (int i = 1; i < 10; ++i) RC_ASSERT(model.course(i / 10.0, kMemory).rest <= none + 1e-6);
}

/// By hand: each of 32 chunks is waited for once, while hardly anything has come otherwise, however
/// often it is written; the wait is a round trip and 320 KiB.
TEST(DiskModel, OnlyTheFirstWriteToAChunkWaits) {
  const double wait = 0.005 + seconds_for((64 + 256) << 10);
  for (const double writes_per_s : {4.0, 40.0}) {
    const DiskCourse course = model_of(guest({{32, writes_per_s}})).course(0, kMemory);
    EXPECT_NEAR(course.restored, 20 + 32 * wait, 0.1) << writes_per_s;
  }
}

TEST(DiskModel, AGuestThatReadsWhatIsAbsentWaits) {
  const double quiet = model_of(guest({})).course(0, kMemory).agility;
  const DiskModel reader = model_of(guest({}, BytesPerSecond(500e3)));
  EXPECT_NEAR(quiet, 20 / (20.3 + DiskCosts().hand_over), 1e-6);
  EXPECT_LT(reader.course(0, kMemory).agility, 0.9 * quiet);
  EXPECT_GT(reader.course(0.8, kMemory).agility, reader.course(0.2, kMemory).agility);
  EXPECT_GT(reader.course(0, kMemory).rest, model_of(guest({})).course(0, kMemory).rest);
}

TEST(DiskModel, ClustersThatAreReplacedAreNotFetched) {
  GuestProfile profile = guest({{1000, 0.5}});
  const double fetched = model_of(profile).course(0, kMemory).fetched;
  EXPECT_NEAR(fetched, kHeld, 1) << "what is written in parts is fetched";
  profile.activity.disk_written = BytesPerSecond(1000 * 0.5 * 65536);
  EXPECT_LT(model_of(profile).course(0, kMemory).fetched, kHeld - 900 * 65536.0);
}

TEST(DiskModel, ADiskThatWasNotWatchedIsTakenToBeWrittenAllAlike) {
  GuestProfile profile = guest({});
  profile.disks.front().writes.reset();
  profile.activity.disk_written = BytesPerSecond(100e3);
  const DiskCourse unwatched = model_of(profile).course(0.9, kMemory);
  EXPECT_GT(unwatched.copied, 0.9 * kHeld + 1e6) << "some of it is copied again";
  EXPECT_LT(unwatched.copied, 0.9 * kHeld + 6e6) << "at most what is written meanwhile";
  profile.activity.disk_written.reset();
  EXPECT_EQ(model_of(profile).course(0.9, kMemory).copied, 0.9 * kHeld);
}

// --- what is predicted of it ---

TechniquePrediction memory() {
  TechniquePrediction p;
  p.converges = true;
  p.total_time = Interval<Seconds>{Seconds(20), Seconds(19), Seconds(22)};
  p.downtime.qemu = p.downtime.events = p.downtime.probe =
      Interval<Seconds>{Seconds(0.3), Seconds(0.2), Seconds(0.5)};
  p.transferred = Interval<Bytes>{100_MiB, 90_MiB, 110_MiB};
  p.why = "memory ends";
  return p;
}

TEST(PutDisks, AllBeforehandIsMemoryLaterByWhatTheDisksTake) {
  TechniquePrediction p = memory();
  put_disks(p, model_of(guest({})), Ratio(1));
  const double mirror = kHeld / kRate.value();
  EXPECT_TRUE(p.technique.storage);
  EXPECT_FALSE(p.parameters.precopy_storage) << "as if nobody had named a share";
  EXPECT_NEAR(p.total_time->p50.count(), 20 + mirror, 1e-6);
  EXPECT_NEAR(p.total_time->p95.count(), 22 + mirror / 0.97, 1e-6);
  EXPECT_EQ(p.downtime.events, memory().downtime.events);
  EXPECT_EQ(p.transferred, memory().transferred);
  EXPECT_EQ(p.storage->independent_after.p95, Seconds(0));
  EXPECT_EQ(p.storage->done_after, *p.total_time);
  EXPECT_THAT(p.why, HasSubstr("26.8 s"));
}

RC_GTEST_PROP(PutDisks, BoundsAreInOrder, (std::uint16_t chunks, std::uint8_t rate)) {
  GuestProfile profile = guest({{chunks % 2049 * 1.0, rate / 20.0}}, BytesPerSecond(300e3));
  profile.activity.disk_written = 2_MB_per_s;
  for (const double share : {0.0, 0.5, 1.0}) {
    TechniquePrediction p = memory();
    put_disks(p, model_of(profile), Ratio(share));
    const auto ordered = [](const auto& i) { return i.p05 <= i.p50 && i.p50 <= i.p95; };
    RC_ASSERT(ordered(*p.total_time) && ordered(*p.downtime.events));
    RC_ASSERT(ordered(p.storage->ready_after) && ordered(p.storage->runs_there_after));
    RC_ASSERT(ordered(p.storage->independent_after) && ordered(p.storage->done_after));
    RC_ASSERT(ordered(p.storage->copied) && ordered(*p.agility));
  }
}

TEST(PutDisks, APostcopyRunsThereBeforeItsMemoryHasCome) {
  TechniquePrediction p = memory();
  p.technique = Technique::kHybrid;
  p.slowdown = Interval<Ratio>{Ratio(0.1), Ratio(0.05), Ratio(0.2)};
  p.rounds = {{Seconds(12), 50_MiB, 50_MiB}, {Seconds(8), 50_MiB, Bytes(0)}};
  put_disks(p, model_of(guest({})), Ratio(0.5));
  const double total = p.total_time->p50.count();
  EXPECT_NEAR(p.storage->runs_there_after.p50.count(), total - 8, 1e-6);
  EXPECT_NEAR(p.storage->done_after.p50.count(),
              p.storage->runs_there_after.p50.count() + p.storage->independent_after.p50.count(),
              1e-6);
  EXPECT_THAT(p.why, HasSubstr("both hosts"));
}

TEST(PutDisks, OfWhatHasNoGroundOrEndSaysNothingMore) {
  TechniquePrediction endless;
  endless.why = "it writes too fast";
  put_disks(endless, model_of(guest({})), Ratio(0.5));
  EXPECT_TRUE(endless.technique.storage);
  EXPECT_FALSE(endless.storage);
  EXPECT_FALSE(endless.agility);
}

TEST(PutAgility, IsTheWorkOverDowntimeAndTheTimeForIt) {
  TechniquePrediction p = memory();
  put_agility(p);
  EXPECT_NEAR(p.agility->p50.value(), 20 / 20.3, 1e-9);
  EXPECT_NEAR(p.agility->p05.value(), 20 / 20.5, 1e-9);
  EXPECT_NEAR(p.agility->p95.value(), 20 / 20.2, 1e-9);
  // a fifth of the work is lost in the eight seconds in which memory still comes
  p.technique = Technique::kHybrid;
  p.slowdown = Interval<Ratio>{Ratio(0.1), Ratio(0.1), Ratio(0.1)};
  p.rounds = {{Seconds(12), 50_MiB, 50_MiB}, {Seconds(8), 50_MiB, Bytes(0)}};
  put_agility(p);
  EXPECT_NEAR(p.agility->p50.value(), 20 / (0.3 + 20 + 0.1 * 20 - 0.3), 1e-9);
}

}  // namespace
}  // namespace godwit::agility
