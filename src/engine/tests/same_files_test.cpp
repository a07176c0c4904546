#include "same_files.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>

#include "temporary_folder.h"

namespace godwit::engine {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

/// Files that this process has open, so that it can stand for two QEMUs.
class SameFiles : public testing::Test {
 protected:
  void SetUp() override {
    one_.open(path("one"));
    other_.open(path("other"));
    std::ofstream(path("closed")) << "";
    std::filesystem::create_hard_link(path("one"), path("link"));
  }
  [[nodiscard]] std::string path(const std::string& name) const { return folder_.file(name); }
  [[nodiscard]] static VmDescription vm(const std::string& file) {
    VmDescription vm;
    vm.pid = ::getpid();
    vm.disks = {{"virtio0", file, "raw", true}};
    return vm;
  }

  TemporaryFolder folder_;
  std::ofstream one_;
  std::ofstream other_;
};

TEST_F(SameFiles, AreToldByWhatTheyAreAndNotByTheirNames) {
  EXPECT_THAT(same_files(vm(path("one")), vm(path("link"))), ElementsAre(Pair("virtio0", true)));
  EXPECT_THAT(same_files(vm(path("one")), vm(path("other"))), ElementsAre(Pair("virtio0", false)));
}

/// Names that the hosts chose crosswise, and a file that was handed over as a descriptor.
TEST_F(SameFiles, ArePairedByPlacesAndFoundByTheirDescriptors) {
  VmDescription source = vm(path("one"));
  source.disks.push_back({"virtio1", path("other"), "raw", true});
  VmDescription destination = source;
  std::swap(destination.disks[0].device, destination.disks[1].device);
  for (VmDescription* side : {&source, &destination}) {
    side->disks[0].place = "pci 03.0";
    side->disks[1].place = "pci 04.0";
  }
  EXPECT_THAT(same_files(source, destination),
              ElementsAre(Pair("virtio0", true), Pair("virtio1", true)));
  const int fd = ::open(path("one").c_str(), O_RDONLY | O_CLOEXEC);
  VmDescription handed = vm("/dev/fdset/1");
  handed.disks.front().descriptor = fd;
  EXPECT_THAT(same_files(vm(path("one")), handed), ElementsAre(Pair("virtio0", true)));
  EXPECT_THAT(same_files(vm(path("other")), handed), ElementsAre(Pair("virtio0", false)));
  ::close(fd);
  EXPECT_THAT(same_files(vm(path("one")), handed), IsEmpty()) << "it is closed";
}

TEST_F(SameFiles, WhatIsNotKnownIsLeftOut) {
  EXPECT_THAT(same_files(vm(path("one")), vm(path("closed"))), IsEmpty())
      << "a file of that name that the process has not open may not be the one";
  EXPECT_THAT(same_files(vm(path("one")), vm(path("none"))), IsEmpty());
  EXPECT_THAT(same_files(vm(path("one")), vm("json:{\"driver\": \"nbd\"}")), IsEmpty());
  VmDescription elsewhere = vm(path("one"));
  elsewhere.pid = 0;
  EXPECT_THAT(same_files(vm(path("one")), elsewhere), IsEmpty());
}

TEST_F(SameFiles, AreFoundBehindFiltersAndFromTheProcessesFolder) {
  const std::string filtered = R"(json:{"driver":"throttle","file":{"driver":"raw","file":)"
                               R"({"driver":"file","filename":")" +
                               path("one") + R"("}}})";
  EXPECT_THAT(same_files(vm(path("one")), vm(filtered)), ElementsAre(Pair("virtio0", true)));
  const std::string relative =
      std::filesystem::relative(path("one"), std::filesystem::current_path());
  EXPECT_THAT(same_files(vm(path("other")), vm(relative)), ElementsAre(Pair("virtio0", false)));
}

/// The drives of a SameFiles, which can't be written to.
class SameContentsTest : public SameFiles {
 protected:
  void write(std::ofstream& file, const std::string& text) { file << text << std::flush; }
  [[nodiscard]] Result<std::map<std::string, bool>> try_compare(
      const std::string& a, const std::string& b, const SameContents::OnRead& on_read = {}) {
    VmDescription here = vm(path(a));
    VmDescription there = vm(path(b));
    change(here.disks.front());
    there.disks.front().writable = false;
    return contents_.compare(here, there, stop_.get_token(), on_read);
  }
  [[nodiscard]] std::map<std::string, bool> compare(const std::string& a, const std::string& b) {
    return try_compare(a, b).value();
  }

  std::function<void(Disk&)> change = [](Disk& disk) { disk.writable = false; };
  SameContents contents_;
  std::stop_source stop_;
};

TEST_F(SameContentsTest, AreToldByEveryByte) {
  const std::string long_text(3 << 20, 'x');
  write(one_, long_text + "a");
  write(other_, long_text + "b");
  EXPECT_THAT(compare("one", "other"), ElementsAre(Pair("virtio0", false)));
  other_.seekp(3 << 20);
  write(other_, "a");
  EXPECT_THAT(compare("one", "other"), ElementsAre(Pair("virtio0", true)))
      << "a file that changed is read anew";
  write(other_, "a");
  EXPECT_THAT(compare("one", "other"), ElementsAre(Pair("virtio0", false))) << "one is longer";
  EXPECT_THAT(compare("one", "link"), IsEmpty()) << "one file need not be compared";
}

TEST_F(SameContentsTest, WhatBytesDoNotTellIsLeftOut) {
  write(one_, "a");
  write(other_, "a");
  change = [](Disk& disk) {
    disk.writable = false;
    disk.has_backing = true;
  };
  EXPECT_THAT(compare("one", "other"), IsEmpty()) << "what is shown lies in another file";
  change = [](Disk& disk) { disk.writable = true; };
  EXPECT_THAT(compare("one", "other"), IsEmpty()) << "what is written to is not compared";
  change = [](Disk& disk) {
    disk.writable = false;
    disk.travels_with_memory = true;
  };
  EXPECT_THAT(compare("one", "other"), IsEmpty()) << "what travels with memory need not be equal";
  change = [](Disk& disk) { disk.writable = false; };
}

TEST_F(SameContentsTest, ReadingIsShownAndCtrlCEndsIt) {
  const std::string text(3 << 20, 'x');
  write(one_, text);
  write(other_, text);
  std::vector<Bytes> shown;
  const auto stopped = try_compare("one", "other", [&](Bytes done, Bytes total) {
    EXPECT_EQ(total, 3_MiB);
    shown.push_back(done);
    if (done > Bytes(0)) stop_.request_stop();
  });
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, ErrorCode::kInterrupted);
  EXPECT_THAT(shown, ElementsAre(Bytes(0), 1_MiB)) << "the rest is not read";
  stop_ = std::stop_source();
  EXPECT_THAT(compare("one", "other"), ElementsAre(Pair("virtio0", true)));
  EXPECT_THAT(try_compare("one", "other", [](Bytes, Bytes) { FAIL() << "it is known"; }).value(),
              ElementsAre(Pair("virtio0", true)));
}

}  // namespace
}  // namespace godwit::engine
