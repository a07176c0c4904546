#include "godwit/advise/storage.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace godwit::advise {
namespace {

Disk disk(bool writable, std::optional<Bytes> allocated) {
  Disk disk;
  disk.writable = writable;
  disk.allocated = allocated;
  return disk;
}

TEST(StorageTime, IsWhatTheWritableDisksHoldOverTheLink) {
  const Link link{40_MB_per_s, {}};
  EXPECT_EQ(mirror_time({disk(true, Bytes(80'000'000)), disk(true, Bytes(40'000'000)),
                         disk(false, Bytes(999'000'000))},
                        link),
            Seconds(3));
  EXPECT_EQ(mirror_time({disk(true, Bytes(0))}, link), Seconds(0));
  EXPECT_EQ(mirror_time({disk(true, std::nullopt)}, link), std::nullopt);
  EXPECT_EQ(mirror_time({disk(false, std::nullopt)}, link), Seconds(0));
}

TEST(StorageTime, ComesOnTopOfMemorysAndMovesNothingElse) {
  TechniquePrediction memory;
  memory.converges = true;
  memory.total_time = Interval<Seconds>{Seconds(6), Seconds(5), Seconds(8)};
  memory.transferred = Interval<Bytes>{100_MiB, 90_MiB, 110_MiB};
  Advised advised;
  advised.prediction.predictions = {memory};
  advised.prediction.advice = Advice{};
  advised.plan = memory;
  add_storage(advised, Seconds(3));
  for (const TechniquePrediction& p : {advised.prediction.predictions.front(), *advised.plan}) {
    EXPECT_TRUE(p.technique.storage);
    EXPECT_EQ(p.total_time, (Interval<Seconds>{Seconds(9), Seconds(8), Seconds(11)}));
    EXPECT_EQ(p.transferred, memory.transferred);
    EXPECT_THAT(p.why, testing::HasSubstr("3.00 s"));
  }
  EXPECT_TRUE(advised.prediction.advice->technique.storage);
}

TEST(StorageTime, ThatIsNotKnownLeavesNoTotalRatherThanAWrongOne) {
  TechniquePrediction p;
  p.converges = true;
  p.total_time = Interval<Seconds>{Seconds(6), Seconds(5), Seconds(8)};
  add_storage(p, std::nullopt);
  EXPECT_TRUE(p.technique.storage);
  EXPECT_FALSE(p.total_time);
  EXPECT_TRUE(p.converges);
}

}  // namespace
}  // namespace godwit::advise
