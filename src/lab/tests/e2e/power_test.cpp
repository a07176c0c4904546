// A guest switched off, copied and switched on elsewhere.

#include <sys/stat.h>

#include <fstream>
#include <sstream>

#include "godwit/lab/power.h"
#include "lab_fixture.h"
#include "patience.h"

namespace godwit::lab {
namespace {

std::string content_of(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

class LabPower : public LabTest {
 protected:
  void boot() {
    ASSERT_TRUE(good(up(spec())));
    GuestSpec with_disk = guest();
    with_disk.disk = Bytes(32LL << 20);
    with_disk.own_disks = true;
    with_disk.load = "disk-write,set=4MiB,rate=4MB/s";
    ASSERT_TRUE(good(start_guest(prefix_, with_disk)));
    ASSERT_TRUE(good(wait_ready(prefix_, "guest", kPatience)));
  }
  [[nodiscard]] Instance at(const std::string& host) const {
    return find_instance(prefix_, "guest", host).value();
  }
};

TEST_F(LabPower, AGuestGoesColdToAnotherHostAndBack) {
  boot();
  EXPECT_EQ(ErrorCode::kBusy, copy_disk(prefix_, "guest", "b", {}).error().code) << "it runs";
  ASSERT_TRUE(good(power_off(prefix_, "guest", kPatience)));
  EXPECT_EQ(0, at("a").pid);
  auto copied = copy_disk(prefix_, "guest", "b", {});
  ASSERT_TRUE(good(copied));
  EXPECT_GE(copied->content, Bytes(4LL << 20));
  EXPECT_EQ(content_of(at("a").disk), content_of(at("b").disk));
  ASSERT_TRUE(good(power_on(prefix_, "guest", "b", kPatience)));
  const GuestStatus moved = *find_guest(prefix_, "guest");
  ASSERT_EQ(1U, moved.instances.size());
  EXPECT_EQ("b", moved.instances[0].host);
  EXPECT_FALSE(moved.instances[0].incoming);
  EXPECT_TRUE(pings(moved.address, status(prefix_)->client_netns));
  EXPECT_FALSE(std::filesystem::exists(at("a").disk));

  ASSERT_TRUE(good(power_off(prefix_, "guest", kPatience)));
  ASSERT_TRUE(good(power_off(prefix_, "guest", kPatience))) << "it is off";
  ASSERT_TRUE(good(copy_disk(prefix_, "guest", "a", {.zstd = true})));
  EXPECT_EQ(content_of(at("b").disk), content_of(at("a").disk));
  ASSERT_TRUE(good(power_on(prefix_, "guest", "a", kPatience)));
}

TEST_F(LabPower, ABootThatFailsLeavesItOffAtHomeWithItsDisk) {
  boot();
  ASSERT_TRUE(good(power_off(prefix_, "guest", kPatience)));
  ASSERT_TRUE(good(copy_disk(prefix_, "guest", "b", {})));
  std::stop_source stop;
  stop.request_stop();
  const auto on = power_on(prefix_, "guest", "b", kPatience, stop.get_token());
  ASSERT_FALSE(on);
  EXPECT_EQ(ErrorCode::kInterrupted, on.error().code);
  EXPECT_EQ(0, at("b").pid);
  EXPECT_FALSE(std::filesystem::exists(at("b").disk));
  EXPECT_TRUE(std::filesystem::exists(at("a").disk));
  ASSERT_TRUE(good(power_on(prefix_, "guest", "a", kPatience)));
  EXPECT_EQ("a", find_guest(prefix_, "guest")->instances[0].host);
}

}  // namespace
}  // namespace godwit::lab
