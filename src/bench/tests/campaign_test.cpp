#include "godwit/bench/campaign.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <set>

namespace godwit::bench {
namespace {

RC_GTEST_PROP(Campaign, ACellDependsOnSeedAndNumberAlone, (std::uint64_t seed)) {
  const std::int64_t number = *rc::gen::inRange(0, 100'000);
  RC_ASSERT(campaign_cell(seed, number) == campaign_cell(seed, number));
  RC_ASSERT(!(campaign_cell(seed, number) == campaign_cell(seed + 1, number)) ||
            !(campaign_cell(seed, number + 1) == campaign_cell(seed + 1, number + 1)));
}

RC_GTEST_PROP(Campaign, CellsOfOneGuestAreOfOneSize, (std::uint64_t seed)) {
  const std::int64_t guest = *rc::gen::inRange(0, 1000);
  const Bytes ram = campaign_cell(seed, guest * kCellsPerGuest).ram;
  for (std::int64_t i = 1; i < kCellsPerGuest; ++i) {
    RC_ASSERT(campaign_cell(seed, guest * kCellsPerGuest + i).ram == ram);
  }
}

TEST(Campaign, HasEveryTechniqueAndEveryLoad) {
  std::set<Technique> techniques;
  std::set<std::string> loads;
  std::set<std::int64_t> sizes;
  std::int64_t with_storage = 0;
  for (std::int64_t number = 0; number < 1000; ++number) {
    const Cell cell = campaign_cell(42, number);
    Technique memory = cell.technique;
    memory.storage = false;
    techniques.insert(memory);
    with_storage += cell.technique.storage ? 1 : 0;
    EXPECT_FALSE(cell.technique.storage && is_cold(cell.technique));
    loads.insert(cell.load);
    sizes.insert(cell.ram.count());
    EXPECT_GE(cell.link, BytesPerSecond(20e6));
    EXPECT_LE(cell.link, BytesPerSecond(120e6));
  }
  std::set<Technique> all(kLivePresets.begin(), kLivePresets.end());
  all.erase(Technique::kCompress);  // QEMU 10 has none
  all.insert({Technique::kCold, Technique::kColdZstd});
  EXPECT_EQ(techniques, all);
  EXPECT_THAT(loads, testing::UnorderedElementsAre(
                         "compile", "cpu", "disk-read", "disk-write", "http", "idle", "memory-read",
                         "memory-write", "mixed", "nginx", "phases", "postgres", "redis",
                         "tcp-receive", "tcp-send", "udp-receive", "udp-send"));
  EXPECT_GT(with_storage, 50);
  EXPECT_GE(sizes.size(), 3U);
}

}  // namespace
}  // namespace godwit::bench
