#include "cdf_plot.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace godwit::research {
namespace {

using evaluate::EvaluatedPrediction;
using learn::Metric;
using testing::HasSubstr;
using testing::Not;

EvaluatedPrediction prediction(const char* model, const char* technique, Metric metric, double said,
                               double actual) {
  return {model, technique, metric, *evaluate::without_interval(said), actual, {}};
}

std::size_t count(const std::string& text, const std::string& what) {
  std::size_t n = 0;
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++n;
  return n;
}

TEST(CdfPlot, HasAPanelPerTechniqueAndMetricAndALinePerModel) {
  const std::string svg =
      cdf_svg(std::vector{prediction("twin", "precopy", Metric::kTotalTime, 11, 10),
                          prediction("twin", "precopy", Metric::kTotalTime, 10, 10),
                          prediction("jin", "precopy", Metric::kTotalTime, 20, 10),
                          prediction("twin", "postcopy", Metric::kDowntimeProbe, 250, 200)});
  EXPECT_THAT(svg, HasSubstr("<svg "));
  EXPECT_THAT(svg, HasSubstr(">postcopy</text>"));
  EXPECT_THAT(svg, HasSubstr(">total_time</text>"));
  EXPECT_THAT(svg, HasSubstr("100 ms"));  // twice the error of 50 ms
  EXPECT_EQ(count(svg, "fill=\"none\" stroke=\"#"), 2u + 3u) << "two frames, three lines";
}

TEST(CdfPlot, NothingJudgedIsAnEmptyPicture) {
  EXPECT_THAT(cdf_svg({}), HasSubstr("</svg>"));
  EXPECT_THAT(cdf_svg({}), Not(HasSubstr("nan")));
}

}  // namespace
}  // namespace godwit::research
