#include "godwit/fleet/hours.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace godwit::fleet {
namespace {

constexpr BytesPerSecond kHoursLink{100e6};
constexpr std::int64_t kHour = 3'600'000'000;

LocalHour utc(std::int64_t wall_us) {
  return {static_cast<int>(wall_us / kHour % 24), wall_us / (24 * kHour)};
}

/// Two VMs of one host, each over the whole link.
Situation two_vms() {
  Situation now;
  for (const char* name : {"a", "b"}) {
    now.inventory.hosts.push_back({name});
    now.inventory.network.hosts.push_back({name, "", kHoursLink, kHoursLink});
  }
  now.goal.empty = "a";
  for (const char* vm : {"db", "web"}) {
    now.inventory.vms.push_back({vm, "a", 2_GiB, 1});
    Estimate& estimate = now.estimates[vm];
    estimate.vm = vm;
    estimate.ways.push_back({Technique::kPrecopy, {}, {Bytes(6'000'000'000), Bytes(0), {}}, 0.1});
  }
  return now;
}

Entry seen_at(const std::string& vm, int day, int hour, double seconds) {
  Entry entry;
  entry.kind = Entry::Kind::kSeen;
  entry.vm = vm;
  entry.wall_us = (24 * day + hour) * kHour;
  entry.technique = "precopy";
  entry.load = schedule::MemoryLoad{kHoursLink * Seconds(seconds), Bytes(0), {}};
  return entry;
}

std::vector<HourCost> hours_of(const std::vector<Entry>& entries) {
  return cost_by_hour(two_vms(), {Seconds(0), Seconds(0), Seconds(0)}, entries, utc, 1);
}

TEST(Hours, EachIsPlannedByWhatWasSeenInIt) {
  std::vector<Entry> entries;
  for (int day = 0; day < 3; ++day) {
    for (const char* vm : {"db", "web"}) {
      entries.push_back(seen_at(vm, day, 3, 10));
      entries.push_back(seen_at(vm, day, 15, day == 2 ? 500 : 60));  // once it was as it never is
    }
  }
  const auto hours = hours_of(entries);
  ASSERT_EQ(hours.size(), 2u);
  EXPECT_EQ(hours[0].hour, 3);
  EXPECT_EQ(hours[0].days, 3);
  EXPECT_NEAR(hours[0].finish.p50.count(), 20, 2);
  EXPECT_EQ(hours[1].hour, 15);
  EXPECT_NEAR(hours[1].finish.p50.count(), 120, 12);
}

TEST(Hours, OneDayIsNoneAndAVmThatWasNotSeenLeavesTheHourOut) {
  EXPECT_TRUE(hours_of({seen_at("db", 0, 3, 10), seen_at("web", 0, 3, 10)}).empty());
  EXPECT_TRUE(hours_of({seen_at("db", 0, 3, 10), seen_at("db", 1, 3, 10), seen_at("db", 2, 3, 10)})
                  .empty());
  EXPECT_TRUE(hours_of({seen_at("db", 0, 3, 10), seen_at("db", 0, 3, 10), seen_at("web", 0, 3, 10),
                        seen_at("web", 0, 3, 10)})
                  .empty())
      << "twice on one day is one day";
  EXPECT_TRUE(hours_of({}).empty());
}

TEST(Hours, WhatIsWantedOfTheHourDoesNotCount) {
  Situation now = two_vms();
  now.goal.wishes["db"].not_before = Seconds(9999);
  std::vector<Entry> entries;
  for (int day = 0; day < 2; ++day) {
    for (const char* vm : {"db", "web"}) entries.push_back(seen_at(vm, day, 3, 10));
  }
  const auto hours = cost_by_hour(now, {Seconds(0), Seconds(0), Seconds(0)}, entries, utc, 1);
  ASSERT_EQ(hours.size(), 1u);
  EXPECT_LT(hours[0].finish.p50, Seconds(30));
}

}  // namespace
}  // namespace godwit::fleet
