#include "disk_copy.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "disk_extents.h"
#include "godwit/base/unique_fd.h"
#include "temporary_folder.h"

namespace godwit::lab {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kDisk = 8 << 20;

/// Two disks of one size in a folder of their own.
class Disks {
 public:
  Disks() {
    for (const std::string& path : {from(), to()}) {
      std::ofstream(path).close();
      fs::resize_file(path, kDisk);
    }
  }

  [[nodiscard]] std::string from() const { return folder_.file("from"); }
  [[nodiscard]] std::string to() const { return folder_.file("to"); }
  [[nodiscard]] DiskCopy copy() const { return {from(), to(), {}, {}, "127.0.0.1"}; }

  void write(std::int64_t at, const std::string& content) const {
    const UniqueFd file(open(from().c_str(), O_WRONLY | O_CLOEXEC));
    ASSERT_EQ(static_cast<ssize_t>(content.size()),
              pwrite(file.get(), content.data(), content.size(), at));
  }
  [[nodiscard]] bool same() const { return read(from()) == read(to()); }

 private:
  static std::string read(const std::string& path) {
    std::ostringstream text;
    text << std::ifstream(path, std::ios::binary).rdbuf();
    return text.str();
  }
  TemporaryFolder folder_;
};

std::int64_t blocks(const std::string& path) {
  struct stat status {};
  return stat(path.c_str(), &status) == 0 ? status.st_blocks : -1;
}

TEST(DiskCopy, ArrivesWithItsHoles) {
  const Disks disks;
  disks.write(3 << 20, std::string(600'000, 'x'));
  const auto copied = copy_disk_file(disks.copy(), {}, {});
  ASSERT_TRUE(copied) << copied.error().message;
  EXPECT_TRUE(disks.same());
  EXPECT_GE(copied->content.count(), 600'000);
  EXPECT_LT(copied->content.count(), 700'000);
  EXPECT_GT(copied->sent, copied->content);
  EXPECT_LE(blocks(disks.to()), blocks(disks.from()));
}

TEST(DiskCopy, CompressedItTravelsInLess) {
  const Disks disks;
  disks.write(0, std::string(2'000'000, 'x'));
  const auto copied = copy_disk_file(disks.copy(), {.zstd = true}, {});
  ASSERT_TRUE(copied) << copied.error().message;
  EXPECT_TRUE(disks.same());
  EXPECT_LT(copied->sent.count() * 20, copied->content.count());
}

TEST(DiskCopy, AnEmptyDiskIsCopiedToo) {
  const Disks disks;
  const auto copied = copy_disk_file(disks.copy(), {}, {});
  ASSERT_TRUE(copied) << copied.error().message;
  EXPECT_EQ(Bytes(0), copied->content);
  EXPECT_TRUE(disks.same());
}

RC_GTEST_PROP(DiskCopy, IsTheSameWhateverIsWritten, (bool zstd)) {
  const Disks disks;
  const int writes = *rc::gen::inRange(0, 6);
  for (int i = 0; i < writes; ++i) {
    const auto size = *rc::gen::inRange(1, 700'000);
    const auto at = *rc::gen::inRange<std::int64_t>(0, kDisk - size);
    const auto seed = *rc::gen::arbitrary<char>();
    std::string content(static_cast<std::size_t>(size), seed);
    for (std::size_t k = 0; k < content.size(); k += 7) content[k] = static_cast<char>(k * k >> 3);
    disks.write(at, content);
  }
  RC_ASSERT(copy_disk_file(disks.copy(), {.zstd = zstd}, {}).has_value());
  RC_ASSERT(disks.same());
}

TEST(DiskCopy, WithoutSpaceItIsSaidAndEnds) {
  const Disks disks;
  disks.write(0, std::string(4 << 20, 'x'));
  DiskCopy copy = disks.copy();
  copy.to = "/dev/full";
  const auto copied = copy_disk_file(copy, {}, {});
  ASSERT_FALSE(copied);
  EXPECT_EQ(ErrorCode::kEnvironment, copied.error().code);
  EXPECT_THAT(copied.error().message, testing::HasSubstr("No space"));
}

/// A disk's content as its file system tells it; anything else is that error.
Seek answers(std::vector<std::pair<off_t, int>> list) {
  return [list = std::move(list), next = std::size_t{0}](off_t, int) mutable {
    const auto [position, error] = list.at(next++);
    errno = error;
    return position;
  };
}

TEST(DiskExtents, OnlyAHoleUpToTheEndEndsTheList) {
  constexpr off_t kSize = 100;
  EXPECT_EQ(*extents_of(kSize, answers({{10, 0}, {20, 0}, {-1, ENXIO}})),
            (std::vector<Extent>{{10, 20}}));
  EXPECT_EQ(*extents_of(kSize, answers({{10, 0}, {20, 0}, {30, 0}, {100, 0}})),
            (std::vector<Extent>{{10, 20}, {30, 100}}));
  EXPECT_FALSE(extents_of(kSize, answers({{10, 0}, {20, 0}, {-1, EIO}}))) << "a dying disk";
  EXPECT_FALSE(extents_of(kSize, answers({{10, 0}, {-1, EIO}})));
  EXPECT_FALSE(extents_of(kSize, answers({{10, 0}, {10, 0}}))) << "it would never end";
}

TEST(DiskCopy, WhatIsCutShortMeanwhileIsAnError) {
  const Disks disks;
  disks.write(0, std::string(1 << 20, 'x'));
  CopyOptions options;
  options.on_progress = [&](Bytes, Bytes) { fs::resize_file(disks.from(), 300'000); };
  const auto copied = copy_disk_file(disks.copy(), options, {});
  ASSERT_FALSE(copied);
  EXPECT_EQ(ErrorCode::kCorrupt, copied.error().code);
}

TEST(DiskCopy, WhatLosesAHoleAtItsEndMeanwhileIsAnErrorToo) {
  const Disks disks;
  disks.write(0, "x");
  CopyOptions options;
  options.on_progress = [&](Bytes, Bytes) { fs::resize_file(disks.from(), kDisk / 2); };
  EXPECT_FALSE(copy_disk_file(disks.copy(), options, {}));
}

TEST(DiskCopy, WhatHasNoSizeIsNoEmptyDisk) {
  const Disks disks;
  DiskCopy copy = disks.copy();
  copy.from = "/proc/self/mem";
  EXPECT_FALSE(copy_disk_file(copy, {}, {}));
}

TEST(DiskCopy, ADiskOfAnotherSizeIsNoCopy) {
  const Disks disks;
  disks.write(0, "x");
  fs::resize_file(disks.to(), kDisk / 2);
  const auto copied = copy_disk_file(disks.copy(), {}, {});
  ASSERT_FALSE(copied);
  EXPECT_EQ(ErrorCode::kBadInput, copied.error().code);
}

TEST(DiskCopy, StopsWhenAsked) {
  const Disks disks;
  disks.write(0, std::string(4 << 20, 'x'));
  std::stop_source stop;
  CopyOptions options;
  options.on_progress = [&stop](Bytes, Bytes) { stop.request_stop(); };
  const auto copied = copy_disk_file(disks.copy(), options, stop.get_token());
  ASSERT_FALSE(copied);
  EXPECT_EQ(ErrorCode::kInterrupted, copied.error().code);
}

TEST(DiskCopy, IsGivenUpAtItsDeadline) {
  const Disks disks;
  disks.write(0, "x");
  const auto copied = copy_disk_file(disks.copy(), {.patience = Seconds(0)}, {});
  ASSERT_FALSE(copied);
  EXPECT_EQ(ErrorCode::kTimeout, copied.error().code);
}

TEST(DiskCopy, WithoutAFileNothingIsBegun) {
  DiskCopy copy = Disks().copy();
  EXPECT_EQ(ErrorCode::kNotFound, copy_disk_file(copy, {}, {}).error().code);
}

}  // namespace
}  // namespace godwit::lab
