// The learning curve of migrations whose law is known.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "godwit/evaluate/evaluation.h"
#include "idle_row.h"

namespace godwit::evaluate {
namespace {

/// Guests of four loads, of different sizes, that all take a fifth longer than bytes and rate
/// explain; the first load is of more.
std::vector<dataset::CampaignRow> slow_rows(int count) {
  std::vector<dataset::CampaignRow> rows;
  for (int i = 0; i < count; ++i) {
    rows.push_back(idle_row());
    rows.back().load = std::string(1, static_cast<char>('a' + std::max(0, i % 5 - 1)));
    rows.back().profile->ram = Bytes((300 << 20) + (i << 20));
    rows.back().transferred = rows.back().profile->ram * Ratio(0.5);
    rows.back().total_time = *rows.back().transferred / rows.back().link.rate * 1.2;
  }
  return rows;
}

const train::Trainer& trainer() {
  static const auto loaded = train::Trainer::load();
  return loaded.value();
}

TEST(LearningCurve, ErrorsShrinkWithTheMigrationsThatWereLearntFrom) {
  const auto curve = learning_curve(trainer(), slow_rows(150), [](double) { return true; });
  ASSERT_TRUE(curve) << curve.error().message;
  std::vector<std::string> sizes;
  std::vector<double> errors;
  for (const Score& one : score(curve->predictions)) {
    if (one.metric != Metric::kTotalTime || one.technique == "all") continue;
    sizes.push_back(one.technique);
    errors.push_back(*one.mean_rel);
    EXPECT_EQ(one.n, 150u) << one.technique << ": each size is judged on all";
  }
  EXPECT_THAT(sizes, testing::ElementsAre("0", "50", "all others"));
  EXPECT_GT(errors.front(), 0.1);
  EXPECT_LT(errors.back(), 0.05);
}

TEST(LearningCurve, EndsWhenItIsTold) {
  const auto curve = learning_curve(trainer(), slow_rows(40), [](double) { return false; });
  ASSERT_FALSE(curve);
  EXPECT_EQ(curve.error().code, ErrorCode::kInterrupted);
}

TEST(LearningCurve, OneLoadAloneIsNoCurve) {
  const auto curve =
      learning_curve(trainer(), std::vector{idle_row(), idle_row()}, [](double) { return true; });
  ASSERT_FALSE(curve);
  EXPECT_EQ(curve.error().code, ErrorCode::kBadInput);
}

}  // namespace
}  // namespace godwit::evaluate
