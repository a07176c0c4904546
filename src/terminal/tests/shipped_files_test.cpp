#include "godwit/terminal/shipped_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace godwit::terminal {
namespace {

using testing::HasSubstr;

// There is no page beside the program of these tests.
TEST(ShippedFiles, AReportWithoutItsPageSaysHowThePageIsMade) {
  const auto page = report_page();
  ASSERT_FALSE(page);
  EXPECT_EQ(page.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(page.error().message, HasSubstr("report.html"));
  EXPECT_THAT(page.error().what_to_do, HasSubstr("./dev page"));
}

}  // namespace
}  // namespace godwit::terminal
