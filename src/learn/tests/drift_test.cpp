#include "godwit/learn/drift.h"

#include <gtest/gtest.h>

#include <vector>

namespace godwit::learn {
namespace {

/// Predicted as 9…10…11 s.
OutcomeRecord migration(double took) {
  OutcomeRecord record;
  record.outcome.status = OutcomeStatus::kCompleted;
  record.outcome.total_time = Seconds(took);
  record.predicted.emplace();
  record.predicted->predictions.emplace_back();
  record.predicted->predictions.back().total_time =
      Interval<Seconds>{Seconds(10), Seconds(9), Seconds(11)};
  return record;
}

TEST(Drift, PredictionsThatHoldAreNone) {
  std::vector<OutcomeRecord> records(20, migration(10.2));
  EXPECT_FALSE(drift_of(records));
  for (int i = 0; i < 4; ++i) records[static_cast<std::size_t>(i)] = migration(15);
  EXPECT_FALSE(drift_of(records)) << "16 of 20 happens";
}

TEST(Drift, ManyThatDoNotHoldAreSaidWithTheirBias) {
  std::vector<OutcomeRecord> records(30, migration(10));
  for (std::size_t i = 0; i < 12; ++i) records[i] = migration(13);
  const auto drift = drift_of(records);
  ASSERT_TRUE(drift);
  EXPECT_EQ(drift->migrations, 20u);
  EXPECT_EQ(drift->held, 8u);
  EXPECT_NEAR(drift->bias, 0.3, 1e-9);
}

TEST(Drift, AFewOrNonePredictedSayNothing) {
  EXPECT_FALSE(drift_of(std::vector<OutcomeRecord>(5, migration(30))));
  std::vector<OutcomeRecord> blind(20, migration(30));
  for (OutcomeRecord& record : blind) record.predicted.reset();
  EXPECT_FALSE(drift_of(blind));
  std::vector<OutcomeRecord> failed(20, migration(30));
  for (OutcomeRecord& record : failed) record.outcome.status = OutcomeStatus::kFailed;
  EXPECT_FALSE(drift_of(failed));
}

}  // namespace
}  // namespace godwit::learn
