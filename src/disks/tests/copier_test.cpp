// Between servers of qemu-nbd, on raw and qcow2 images.

#include "godwit/disks/copier.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "godwit/base/rng.h"
#include "godwit/base/unique_fd.h"

namespace godwit::disks {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

constexpr std::int64_t kMiB = 1 << 20;
/// No multiple of a cluster.
constexpr std::int64_t kSize = 5 * kMiB + 512;

class CopierTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/godwit-disks-XXXXXX";
    folder_ = ::mkdtemp(name);
  }
  void TearDown() override {
    for (const pid_t pid : servers_) end(pid);
    fs::remove_all(folder_);
  }
  [[nodiscard]] std::string file(const std::string& name) const { return folder_ / name; }

  static void run(const std::string& command) {
    ASSERT_EQ(std::system(command.c_str()), 0) << command;
  }
  static void end(pid_t pid) {
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
  }

  /// Serves the image until the test ends.
  pid_t serve(const std::string& image, const std::string& format, const std::string& socket,
              const std::string& name) {
    const pid_t pid = ::fork();
    if (pid == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      ::execlp("qemu-nbd", "qemu-nbd", "-f", format.c_str(), "-x", name.c_str(), "-k",
               file(socket).c_str(), "-t", "-e", "8", "--discard=unmap", file(image).c_str(),
               nullptr);
      ::_exit(127);
    }
    servers_.push_back(pid);
    RealClock clock;
    while (!listens(file(socket))) (void)clock.wait_until(clock.now() + Seconds(0.01), {});
    return pid;
  }
  /// Its file is there a moment before that.
  static bool listens(const std::string& socket) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    socket.copy(address.sun_path, sizeof address.sun_path - 1);
    const UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    return ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }
  [[nodiscard]] StorageOffer at(const std::string& socket) const {
    StorageOffer offer;
    offer.socket = file(socket);
    return offer;
  }
  /// Data with holes; the seed decides where and what.
  void make_raw(const std::string& name, unsigned seed) const {
    Rng rng(seed);
    std::ofstream out(file(name), std::ios::binary);
    for (std::int64_t at = 0; at < kSize; at += 65536) {
      const auto length = static_cast<std::size_t>(std::min<std::int64_t>(65536, kSize - at));
      std::string block(length, '\0');
      for (char& c : block) c = static_cast<char>(rng.next());
      if (rng.below(3) != 0) {
        out.seekp(at);
        out.write(block.data(), static_cast<std::streamsize>(length));
      }
    }
    out.close();
    fs::resize_file(file(name), kSize);
  }
  void make_destination(const std::string& name, std::int64_t size = kSize) const {
    run(fmt::format("qemu-img create -q -f qcow2 -o compat=0.10 {} {}", file(name), size));
  }
  static DiskCopyStatus await(const DiskCopier& copier) {
    RealClock clock;
    while (copier.status().running) (void)clock.wait_until(clock.now() + Seconds(0.01), {});
    return copier.status();
  }
  /// As the guest would see it with the source's beneath.
  void expect_equal_over_source(const std::string& overlay, const std::string& source,
                                const std::string& format) {
    run(fmt::format("qemu-img rebase -u -f qcow2 -F {} -b {} {}", format, file(source),
                    file(overlay)));
    run(fmt::format("qemu-img compare -q -f {} -F qcow2 {} {}", format, file(source),
                    file(overlay)));
  }

  fs::path folder_;
  std::vector<pid_t> servers_;
  RealClock clock_;
};

TEST_F(CopierTest, AShareOfARawDiskIsThereAndTheRestIsTakenFromTheSource) {
  for (const double share : {0.0, 0.25, 1.0}) {
    const std::string tag = fmt::format("{}", static_cast<int>(share * 100));
    make_raw("s" + tag, 7);
    make_destination("d" + tag);
    serve("s" + tag, "raw", "from" + tag, "one");
    const pid_t there = serve("d" + tag, "qcow2", "to" + tag, "two");
    const auto copier = make_copier(clock_);
    const auto opened = copier->open(at("from" + tag), at("to" + tag), {{"one", "two"}});
    ASSERT_TRUE(opened) << opened.error().message;
    ASSERT_TRUE(copier->copy_share(Ratio(share), {}, std::nullopt));
    const DiskCopyStatus status = await(*copier);
    ASSERT_FALSE(status.failure) << status.failure->message;
    EXPECT_GT(status.allocated, Bytes(2 * kMiB));
    EXPECT_NEAR(status.copied.as_double(), share * status.allocated.as_double(), 32768);
    EXPECT_EQ(status.left, Bytes());
    ASSERT_TRUE(copier->finish({}, Bytes())) << "no disk wrote anything";
    const auto absent = copier->absent();
    ASSERT_EQ(absent.size(), 1U);
    Bytes data;
    Bytes holes;
    for (const AbsentRange& range : absent.front()) {
      (range.holds_data ? data : holes) += range.end - range.begin;
    }
    EXPECT_EQ(data, status.allocated - status.copied);
    EXPECT_EQ(holes, Bytes(kSize) - status.allocated);
    copier->close();
    ::kill(there, SIGTERM);  // it writes its image down
    ::waitpid(there, nullptr, 0);
    servers_.pop_back();
    expect_equal_over_source("d" + tag, "s" + tag, "raw");
  }
}

TEST_F(CopierTest, ADestinationThatIsTooSmallHoldsDataOrKeepsWhatIsDiscardedIsRefused) {
  make_raw("s", 1);
  serve("s", "raw", "from", "one");
  const auto refusal = [this](const std::string& socket) {
    const auto opened = make_copier(clock_)->open(at("from"), at(socket), {{"one", "two"}});
    return opened ? std::string() : opened.error().message;
  };
  make_destination("small", kSize - 512);
  serve("small", "qcow2", "to-small", "two");
  EXPECT_THAT(refusal("to-small"), HasSubstr("has 5242880 bytes, and the source's has 5243392"));
  make_raw("full", 2);
  serve("full", "raw", "to-full", "two");
  EXPECT_THAT(refusal("to-full"), HasSubstr("holds data already"));
  run(fmt::format("qemu-img create -q -f qcow2 -o compat=0.10,cluster_size=2M {} {}",
                  file("coarse"), kSize));
  serve("coarse", "qcow2", "to-coarse", "two");
  EXPECT_THAT(refusal("to-coarse"), HasSubstr("does not give up what is discarded"));
  EXPECT_THAT(refusal("nobody"), HasSubstr("no connection to the disks' server"));
}

TEST_F(CopierTest, AServerThatDiesInTheMiddleIsNamed) {
  for (const bool source : {true, false}) {
    const std::string tag = source ? "1" : "2";
    make_raw("s" + tag, 3);
    make_destination("d" + tag);
    const pid_t here = serve("s" + tag, "raw", "from" + tag, "one");
    const pid_t there = serve("d" + tag, "qcow2", "to" + tag, "two");
    const auto copier = make_copier(clock_);
    ASSERT_TRUE(copier->open(at("from" + tag), at("to" + tag), {{"one", "two"}}));
    ASSERT_TRUE(copier->copy_share(Ratio(1), {}, BytesPerSecond(1e6)));
    while (copier->status().copied == Bytes())
      (void)clock_.wait_until(clock_.now() + Seconds(0.01), {});
    ::kill(source ? here : there, SIGKILL);
    const DiskCopyStatus status = await(*copier);
    ASSERT_TRUE(status.failure);
    EXPECT_EQ(status.failure->code, ErrorCode::kPeerGone);
    EXPECT_THAT(status.failure->message,
                HasSubstr(source ? "disk 1 at the source" : "disk 1 at the destination"));
    EXPECT_LT(status.copied, status.allocated);
    EXPECT_FALSE(copier->finish({}, Bytes()));
  }
}

TEST_F(CopierTest, ARoundCanBeGivenUp) {
  make_raw("s", 4);
  make_destination("d");
  serve("s", "raw", "from", "one");
  serve("d", "qcow2", "to", "two");
  const auto copier = make_copier(clock_);
  ASSERT_TRUE(copier->open(at("from"), at("to"), {{"one", "two"}}));
  ASSERT_TRUE(copier->copy_share(Ratio(1), {}, BytesPerSecond(1e5)));
  while (copier->status().copied == Bytes())
    (void)clock_.wait_until(clock_.now() + Seconds(0.01), {});
  copier->close();
  EXPECT_FALSE(copier->status().running);
  EXPECT_LT(copier->status().copied, copier->status().allocated);
}

TEST_F(CopierTest, ADestinationWithoutSpaceIsNamed) {
  make_raw("s", 5);
  serve("s", "raw", "from", "one");
  make_destination("d");
  run(fmt::format(
      "mkdir {0}; mount -t tmpfs -o size=2m none {0} 2>/dev/null && cp {1} {0}/d || true",
      file("tiny"), file("d")));
  if (!fs::exists(file("tiny/d"))) GTEST_SKIP() << "no right to make a small file system";
  serve("tiny/d", "qcow2", "to", "two");
  const auto copier = make_copier(clock_);
  ASSERT_TRUE(copier->open(at("from"), at("to"), {{"one", "two"}}));
  ASSERT_TRUE(copier->copy_share(Ratio(1), {}, std::nullopt));
  const DiskCopyStatus status = await(*copier);
  ASSERT_TRUE(status.failure);
  EXPECT_THAT(status.failure->message, HasSubstr("disk 1 at the destination: writing: No space"));
  copier->close();
  for (const pid_t pid : servers_) end(pid);
  servers_.clear();
  run("umount " + file("tiny"));
}

}  // namespace
}  // namespace godwit::disks
