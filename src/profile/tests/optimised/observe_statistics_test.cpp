// Profiles of many guests.

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "godwit/codec/codec.h"
#include "synthetic_guest.h"

namespace godwit::profile {
namespace {

TEST(Observe, CoversTheTruthOfARandomWriter) {
  constexpr std::int64_t kPages = 20'000;
  constexpr std::int64_t kSet = 8'000;
  constexpr double kPerSecond = 3'000;
  ObserveOptions options;
  options.half_width = Ratio(0.025);  // about 1030 pages
  int held = 0;
  int all = 0;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    Bench bench(kPages);
    bench.guest.write_at_random(kSet, kPerSecond, 1000 + seed);
    const auto profile = bench.observe(options, seed);
    ASSERT_TRUE(profile) << profile.error().message;
    for (const DirtyPoint& point : profile->dirty_curve) {
      // A page of the set stays unwritten for t with probability exp(-rate t / set).
      const double written = kSet * -std::expm1(-kPerSecond * point.window.count() / kSet);
      const double truth = written * 4096;
      ++all;
      if (point.low.as_double() <= truth && truth <= point.high.as_double()) ++held;
    }
  }
  EXPECT_GE(static_cast<double>(held) / all, 0.9) << held << " of " << all;
}

RC_GTEST_PROP(Observe, GivesAProfileThatCanBeStored, (std::uint64_t seed)) {
  Bench bench(*rc::gen::inRange<std::int64_t>(1, 3000));
  const std::int64_t ram_pages =
      bench.guest.layout().page_size.pages_for(total_size(bench.guest.layout())).count();
  bench.guest.fill(0, *rc::gen::inRange<std::int64_t>(0, ram_pages + 1));
  bench.guest.write_at_random(*rc::gen::inRange<std::int64_t>(1, ram_pages + 1),
                              *rc::gen::inRange(1, 5000), seed);
  ObserveOptions options;
  options.length = Seconds(*rc::gen::inRange(1, 20));
  options.half_width = Ratio(0.01 * *rc::gen::inRange(0, 20));
  options.vm = "qmp:/run/vm.qmp";
  const auto profile = bench.observe(options, seed);
  RC_ASSERT(profile.has_value());
  const auto stored = profile_from_json(to_json(*profile));
  RC_ASSERT(stored.has_value());  // the codec checks that the curve rises within RAM
  RC_ASSERT(stored->dirty_curve.size() == profile->dirty_curve.size());
}

}  // namespace
}  // namespace godwit::profile
