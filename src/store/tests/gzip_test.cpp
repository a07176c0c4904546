#include "godwit/store/gzip.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "scratch.h"

namespace godwit::store {
namespace {

namespace fs = std::filesystem;

class GzipTest : public Scratch {
 protected:
  fs::path file_ = folder_ / "data" / "rows.csv.gz";
};

RC_GTEST_FIXTURE_PROP(GzipTest, GivesBackWhatWasWritten, (const std::string& text)) {
  RC_ASSERT(write_gzip(file_, text).has_value());
  RC_ASSERT(read_gzip(file_).value() == text);
  const std::string bytes = contents(file_);
  RC_ASSERT(write_gzip(file_, text).has_value());
  RC_ASSERT(contents(file_) == bytes);
}

TEST_F(GzipTest, LongTextsToo) {
  std::string text;
  for (int i = 0; i < 200'000; ++i) text += std::to_string(i * 7919) + ",";
  ASSERT_TRUE(write_gzip(file_, text));
  EXPECT_EQ(read_gzip(file_).value(), text);
  EXPECT_LT(fs::file_size(file_), text.size() / 2);
}

TEST_F(GzipTest, ATornFileIsRefusedWhereverItIsTorn) {
  ASSERT_TRUE(write_gzip(file_, std::string(1000, 'x') + "end"));
  const std::string whole = contents(file_);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    fill(file_, whole.substr(0, size));
    const auto text = read_gzip(file_);
    ASSERT_FALSE(text) << size;
    EXPECT_EQ(text.error().code, ErrorCode::kCorrupt);
  }
}

TEST_F(GzipTest, AnotherKindOfFileIsRefused) {
  ASSERT_TRUE(write_gzip(file_, "x"));
  fill(file_, "number,at,status\n1,2,3\n");
  EXPECT_EQ(read_gzip(file_).error().code, ErrorCode::kCorrupt);
  EXPECT_EQ(read_gzip(folder_ / "none").error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace godwit::store
