#include <gtest/gtest.h>

#include "bursts.h"

namespace godwit::twin {
namespace {

using model::Life;

TEST(Life, WritesNoLessInALongerTimeAndKnowsTheAgeOfWhatItWrote) {
  const auto phases = phases_of(profile_of({}, 16, 1));
  ASSERT_TRUE(phases);
  Life life(*phases, 0, 7);
  double before = 0;
  for (double to = 3; to < 12; to += 0.1) {
    const double written = life.written(3, to);
    EXPECT_GE(written, before - 1);
    before = written;
  }
  const double age = life.age(12, before / 2);
  EXPECT_NEAR(life.written(12 - age, 12), before / 2, before * 0.02);
  Life again(*phases, 0, 7);
  EXPECT_DOUBLE_EQ(again.written(3, 9), life.written(3, 9));
}

}  // namespace
}  // namespace godwit::twin
