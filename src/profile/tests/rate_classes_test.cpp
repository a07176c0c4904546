#include "rate_classes.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <numeric>

#include "godwit/base/rng.h"

namespace godwit::profile {
namespace {

constexpr std::int64_t kPages = 20'000;

/// Looks at 0, 1/8 ... 8 s at pages of these rates, as many of each.
PageChanges watched(const std::vector<double>& rates) {
  PageChanges changes;
  changes.looks = {Seconds(0), Seconds(0.125), Seconds(0.25), Seconds(0.5),
                   Seconds(1), Seconds(2),     Seconds(4),    Seconds(8)};
  changes.population = PageCount(kPages * 10);
  Rng rng(7);
  for (std::int64_t page = 0; page < kPages; ++page) {
    const double rate = rates[static_cast<std::size_t>(page) % rates.size()];
    std::uint32_t pattern = 0;
    for (std::size_t k = 1; k < changes.looks.size(); ++k) {
      const double calm = std::exp(-rate * (changes.looks[k] - changes.looks[k - 1]).count());
      if (rng.uniform() >= calm) pattern |= 1U << (k - 1);
    }
    changes.changed.push_back(pattern);
  }
  return changes;
}

/// Share of RAM in classes from `low` to `high` writes a second.
double share(const std::vector<RateClass>& classes, double low, double high) {
  double bytes = 0;
  for (const RateClass& one : classes) {
    if (one.writes_per_s >= low && one.writes_per_s <= high) bytes += one.memory.as_double();
  }
  return bytes / (kPages * 10 * 4096.0);
}

TEST(RateClasses, APageThatNeverChangesIsInTheClassOfRate0) {
  const auto classes = rate_classes(watched({0}));
  ASSERT_EQ(classes.size(), 1u);
  EXPECT_EQ(classes.front().writes_per_s, 0);
  EXPECT_EQ(classes.front().memory, Bytes(kPages * 10 * 4096));
}

TEST(RateClasses, RatesFarApartAreToldApart) {
  const auto classes = rate_classes(watched({0, 0.1, 5}));
  EXPECT_NEAR(share(classes, 0, 0.02), 1.0 / 3, 0.12);
  EXPECT_NEAR(share(classes, 0.03, 0.5), 1.0 / 3, 0.12);
  EXPECT_NEAR(share(classes, 2, 12), 1.0 / 3, 0.03);
  EXPECT_LT(share(classes, 30, 1e9), 0.01);
}

TEST(RateClasses, ExplainTheDirtyCurve) {
  const auto changes = watched({0, 0.05, 0.4, 3});
  const auto classes = rate_classes(changes);
  for (const double t : {0.25, 1.0, 4.0}) {
    double expected = 0;
    double fitted = 0;
    for (const double rate : {0.0, 0.05, 0.4, 3.0}) expected += -std::expm1(-rate * t) / 4;
    for (const RateClass& one : classes) {
      fitted += one.memory.as_double() * -std::expm1(-one.writes_per_s * t);
    }
    EXPECT_NEAR(fitted / (kPages * 10 * 4096.0), expected, 0.015) << t;
  }
}

TEST(RateClasses, NothingWasLookedAtTwice) {
  PageChanges changes;
  changes.looks = {Seconds(0)};
  EXPECT_TRUE(rate_classes(changes).empty());
}

RC_GTEST_PROP(RateClassesProperty, AllOfRamIsInSomeClass, ()) {
  std::vector<double> rates;
  for (int i = *rc::gen::inRange(1, 5); i > 0; --i) {
    rates.push_back(std::exp(*rc::gen::inRange(-400, 300) / 100.0));
  }
  const auto classes = rate_classes(watched(rates));
  const Bytes all = std::accumulate(classes.begin(), classes.end(), Bytes(0),
                                    [](Bytes sum, const RateClass& c) { return sum + c.memory; });
  RC_ASSERT(std::abs(all.as_double() / (kPages * 10 * 4096.0) - 1) < 0.005);
}

}  // namespace
}  // namespace godwit::profile
