// What a guest does, changed while it runs, and its disk.

#include <sys/stat.h>
#include <sys/statvfs.h>

#include <fstream>
#include <functional>
#include <optional>
#include <string>

#include "godwit/base/clock.h"
#include "godwit/lab/guest_report.h"
#include "lab_fixture.h"
#include "patience.h"

namespace godwit::lab {
namespace {

class LabLoad : public LabTest {
 protected:
  void boot(const GuestSpec& spec_of_guest) {
    ASSERT_TRUE(good(up(spec())));
    auto started = start_guest(prefix_, spec_of_guest);
    ASSERT_TRUE(good(started));
    report_ = started->instances.front().report;
    ASSERT_TRUE(good(wait_ready(prefix_, "guest", kPatience)));
  }
  Result<void> change(const std::string& load) {
    return change_load(prefix_, "guest", load, kPatience);
  }
  /// The newest report that is as wanted; nothing if none comes. Checks that work never went back.
  std::optional<GuestReport> await_report(const std::function<bool(const GuestReport&)>& wanted) {
    std::ifstream file(report_);
    LineFollower lines;
    std::optional<GuestReport> found;
    std::int64_t work = 0;
    const TimePoint give_up = clock_.now() + kPatience;
    while (!found && clock_.now() < give_up) {
      std::string bytes(4096, '\0');
      file.clear();
      file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
      bytes.resize(static_cast<std::size_t>(file.gcount()));
      lines.feed(bytes, [&](std::string_view line) {
        const auto report = parse_report_line(line);
        if (!report) return;
        EXPECT_GE(report->work, work) << line;
        work = report->work;
        if (wanted(*report)) found = *report;
      });
      if (bytes.empty()) (void)clock_.wait_until(clock_.now() + Seconds{0.05}, {});
    }
    return found;
  }

  RealClock clock_;
  std::string report_;
};

TEST_F(LabLoad, ChangesWhileTheGuestRunsAndTheReportShowsIt) {
  boot(guest());
  ASSERT_TRUE(good(change("memory-write,set=8MiB,rate=4MB/s+cpu,duty=10%")));
  EXPECT_EQ("memory-write,set=8MiB,rate=4MB/s+cpu,duty=10%",
            find_guest(prefix_, "guest")->spec.load);
  const auto seen = await_report([](const GuestReport& report) {
    return report.ready && report.changes == 1 && report.works.size() == 2 &&
           report.works[0].work > 1000 && report.works[1].work > 0;
  });
  ASSERT_TRUE(seen);
  EXPECT_EQ("memory-write", seen->works[0].load);
  EXPECT_EQ("cpu", seen->works[1].load);

  auto refused = change("memory-write,set=8MiB");
  ASSERT_FALSE(refused);
  EXPECT_EQ(ErrorCode::kBadInput, refused.error().code);
  EXPECT_NE(std::string::npos, refused.error().message.find("needs rate"));
  auto diskless = change("disk-write,set=8MiB,rate=1MB/s");
  ASSERT_FALSE(diskless);
  EXPECT_NE(std::string::npos, diskless.error().message.find("no disk"));
  EXPECT_NE(std::string::npos, diskless.error().message.find("the former load runs again"));
  EXPECT_EQ("memory-write,set=8MiB,rate=4MB/s+cpu,duty=10%",
            find_guest(prefix_, "guest")->spec.load)
      << "what still runs is what status tells";
  EXPECT_TRUE(await_report([&seen](const GuestReport& report) {
    return report.changes == 2 && report.works.size() == 2 && report.work > seen->work + 1000;
  }));
}

TEST_F(LabLoad, AGuestThatIsNotThereOrNotReadyIsSaid) {
  EXPECT_EQ(ErrorCode::kNotFound, change("idle").error().code);
  ASSERT_TRUE(good(up(spec())));
  auto started = start_guest(prefix_, guest());
  ASSERT_TRUE(good(started));
  EXPECT_EQ(ErrorCode::kBadInput, change("idle quiet").error().code);
  ASSERT_TRUE(good(kill_and_wait(pin_process(static_cast<pid_t>(started->instances[0].pid)))));
  EXPECT_EQ(ErrorCode::kPeerGone, change("idle").error().code);
}

TEST_F(LabLoad, DiskIsSparseSharedByBothQemusAndGoesWithTheGuest) {
  GuestSpec with_disk = guest();
  with_disk.disk = Bytes(64LL << 20);
  with_disk.load = "disk-write,set=8MiB,rate=4MB/s+disk-read,set=8MiB,rate=4MB/s";
  boot(with_disk);
  EXPECT_TRUE(await_report([](const GuestReport& report) {
    return report.works.size() == 2 && report.works[0].work > 500 && report.works[1].work > 500;
  }));
  struct stat status {};
  ASSERT_EQ(0, stat(disk_file(prefix_, "guest").c_str(), &status));
  EXPECT_EQ(64LL << 20, status.st_size);
  EXPECT_LT(status.st_blocks * 512, 32LL << 20) << "only what was written takes up space";
  ASSERT_TRUE(good(prepare_destination(prefix_, "guest", "b"))) << "it opens the disk as well";
  EXPECT_TRUE(await_report([](const GuestReport& report) {
    return report.works.size() == 2 && report.works[0].work > 2500;
  })) << "and leaves it alone";
  ASSERT_TRUE(good(stop_guest(prefix_, "guest")));
  EXPECT_NE(0, stat(disk_file(prefix_, "guest").c_str(), &status));
}

TEST_F(LabLoad, AHostsOwnDiskComesAndGoesWithTheQemuThere) {
  GuestSpec with_disk = guest();
  with_disk.disk = Bytes(64LL << 20);
  with_disk.own_disks = true;
  with_disk.load = "disk-write,set=8MiB,rate=4MB/s";
  boot(with_disk);
  EXPECT_TRUE(await_report([](const GuestReport& report) { return report.work > 500; }));
  const std::string here = find_guest(prefix_, "guest")->instances[0].disk;
  auto incoming = prepare_destination(prefix_, "guest", "b");
  ASSERT_TRUE(good(incoming));
  ASSERT_NE(here, incoming->disk);
  struct stat status {};
  ASSERT_EQ(0, stat(incoming->disk.c_str(), &status));
  EXPECT_EQ(64LL << 20, status.st_size);
  EXPECT_EQ(0, status.st_blocks) << "it begins empty";
  ASSERT_TRUE(good(retire(prefix_, "guest", "b")));
  EXPECT_NE(0, stat(incoming->disk.c_str(), &status));
  ASSERT_EQ(0, stat(here.c_str(), &status));
  EXPECT_GT(status.st_blocks, 0);
  ASSERT_TRUE(good(stop_guest(prefix_, "guest")));
  EXPECT_NE(0, stat(here.c_str(), &status));
}

TEST_F(LabLoad, DiskWithoutSpaceIsRefusedAndNothingIsLeft) {
  ASSERT_TRUE(good(up(spec())));
  struct statvfs space {};
  ASSERT_EQ(0, statvfs("/run", &space));
  if (space.f_bavail * space.f_frsize >= 1ULL << 40) {
    GTEST_SKIP() << "/run has space for the largest disk that can be asked for";
  }
  GuestSpec large = guest();
  large.disk = Bytes(1LL << 40);
  auto started = start_guest(prefix_, large);
  ASSERT_FALSE(started);
  EXPECT_EQ(ErrorCode::kEnvironment, started.error().code);
  EXPECT_TRUE(status(prefix_)->guests.empty());
}

}  // namespace
}  // namespace godwit::lab
