#include "godwit/engine/link_estimate.h"

#include <gtest/gtest.h>

namespace godwit::engine {
namespace {

OutcomeRecord earlier(const std::string& destination, Bytes sent, Seconds took) {
  OutcomeRecord record;
  record.destination = destination;
  record.outcome.status = OutcomeStatus::kCompleted;
  record.outcome.total_time = took;
  record.outcome.transferred.qemu = sent;
  return record;
}

TEST(LinkEstimate, TakesTheFastestThatTheHostWasSeenToCarry) {
  const std::vector<OutcomeRecord> records{
      earlier("qmp:/a@tcp:10.0.0.2:4444", 400_MB, Seconds(10)),
      earlier("qmp:/b@tcp:10.0.0.2:5555", 500_MB, Seconds(10))};
  EXPECT_EQ(rate_from_history(records), 50_MB_per_s);
  EXPECT_FALSE(rate_from_history({}));
}

TEST(LinkEstimate, FailedMigrationsSayNothingOfTheLink) {
  auto failed = earlier("qmp:/a@tcp:10.0.0.2:4444", 400_MB, Seconds(1));
  failed.outcome.status = OutcomeStatus::kFailed;
  EXPECT_FALSE(rate_from_history({failed}));
}

TEST(LinkEstimate, MigrationsOfDisksSayNothingOfItAsTheirBytesAreNotCounted) {
  auto with_disks = earlier("qmp:/a@tcp:10.0.0.2:4444", 400_MB, Seconds(100));
  with_disks.outcome.storage = StorageOutcome{};
  EXPECT_FALSE(rate_from_history({with_disks}));
}

TEST(LinkEstimate, NeverExceedsQemusOwnLimit) {
  const std::vector<OutcomeRecord> records{earlier("qmp:/a@tcp:10.0.0.2:4444", 400_MB, Seconds(1))};
  EXPECT_EQ(estimate_link(records, "tcp:10.0.0.2:4444", 100_MB_per_s).link.rate, 100_MB_per_s);
  EXPECT_EQ(estimate_link(records, "tcp:10.0.0.2:4444", 900_MB_per_s).link.rate, 400_MB_per_s);
}

TEST(LinkEstimate, ALimitBeyondAnyLinkIsNone) {
  const BytesPerSecond libvirts(9223372036853727232.0);
  const std::vector<OutcomeRecord> records{earlier("qmp:/a@tcp:10.0.0.2:4444", 400_MB, Seconds(1))};
  EXPECT_EQ(estimate_link(records, "tcp:10.0.0.2:4444", libvirts).link.rate, 400_MB_per_s);
  EXPECT_EQ(estimate_link({}, "tcp:127.0.0.1:4444", libvirts).link.rate,
            BytesPerSecond(128.0 * 1048576));
}

TEST(LinkEstimate, LoopbackHasNoSpeedSoQemusLimitIsTheLastResort) {
  EXPECT_FALSE(rate_of_interface("tcp:127.0.0.1:4444"));
  EXPECT_FALSE(rate_of_interface("nonsense"));
  EXPECT_EQ(estimate_link({}, "tcp:127.0.0.1:4444", std::nullopt).link.rate,
            BytesPerSecond(128.0 * 1048576));
}

}  // namespace
}  // namespace godwit::engine
