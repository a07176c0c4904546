#include "godwit/store/line_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>

#include "scratch.h"

namespace godwit::store {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class LineLogTest : public Scratch {
 protected:
  std::vector<std::string> read() {
    std::vector<std::string> lines;
    const auto done = read_lines(file_, [&lines](std::string_view line) -> Result<void> {
      lines.emplace_back(line);
      return {};
    });
    EXPECT_TRUE(done) << done.error().message;
    return lines;
  }
  fs::path file_ = folder_ / "run" / "trials.jsonl";
};

TEST_F(LineLogTest, KeepsLinesInOrderOverReopening) {
  EXPECT_THAT(read(), IsEmpty());
  for (const char* line : {"one", "two", "three"}) {
    auto log = LineLog::open(file_);
    ASSERT_TRUE(log) << log.error().message;
    ASSERT_TRUE(log->append(line));
  }
  EXPECT_THAT(read(), ElementsAre("one", "two", "three"));
}

TEST_F(LineLogTest, CutsATornLastLineOff) {
  ASSERT_TRUE(LineLog::open(file_)->append("whole"));
  for (const std::string& torn : {std::string("t"), std::string(200'000, 'x')}) {
    fill(file_, "whole\n" + torn);
    EXPECT_THAT(read(), ElementsAre("whole"));
    ASSERT_TRUE(LineLog::open(file_)->append("next"));
    EXPECT_THAT(read(), ElementsAre("whole", "next"));
  }
}

TEST_F(LineLogTest, HasOneWriter) {
  const auto first = LineLog::open(file_);
  ASSERT_TRUE(first);
  const auto second = LineLog::open(file_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kBusy);
}

TEST_F(LineLogTest, AFullDiskLeavesWhatWasThere) {
  auto log = LineLog::open(file_);
  ASSERT_TRUE(log && log->append("kept"));
  // a file that may grow no further stands for a disk that is full
  struct rlimit old {};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &old), 0);
  const auto previous = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{8, old.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const auto refused = log->append("does not fit any more");
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &old), 0);
  std::signal(SIGXFSZ, previous);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kEnvironment);
  EXPECT_THAT(read(), ElementsAre("kept"));
  ASSERT_TRUE(log->append("room again"));
  EXPECT_THAT(read(), ElementsAre("kept", "room again"));
}

TEST_F(LineLogTest, SaysWhichLineWasWrong) {
  auto log = LineLog::open(file_);
  ASSERT_TRUE(log && log->append("good") && log->append("bad"));
  const auto done = read_lines(file_, [](std::string_view line) -> Result<void> {
    if (line == "good") return {};
    return fail(ErrorCode::kCorrupt, "is no trial");
  });
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().message, HasSubstr("line 2"));
}

TEST_F(LineLogTest, AFolderIsNoFile) {
  fs::create_directories(file_);
  const auto log = LineLog::open(file_);
  ASSERT_FALSE(log);
  EXPECT_EQ(log.error().code, ErrorCode::kBadInput);
}

}  // namespace
}  // namespace godwit::store
