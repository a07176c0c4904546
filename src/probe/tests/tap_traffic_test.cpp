#include "godwit/probe/tap_traffic.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstring>

#include "godwit/base/unique_fd.h"

namespace godwit::probe {
namespace {

TEST(TapTraffic, FindsTheInterfaceOfAnOpenFile) {
  EXPECT_EQ(tap_in("pos:\t0\nflags:\t0104002\nmnt_id:\t26\niff:\ttap7\n"), "tap7");
  EXPECT_EQ(tap_in("pos:\t0\nflags:\t0104002\n"), std::nullopt);
  EXPECT_EQ(tap_in("iff:\t\n"), std::nullopt);
  EXPECT_EQ(tap_in(""), std::nullopt);
}

TEST(TapTraffic, AProcessWithoutATapHasNone) {
  EXPECT_EQ(tap_traffic_of(getpid()), std::nullopt);
  EXPECT_EQ(tap_traffic_of(-1), std::nullopt);
}

TEST(TapTraffic, ATapThatNobodyUsedHasCountedNothing) {
  const UniqueFd tap(open("/dev/net/tun", O_RDWR | O_CLOEXEC));
  ifreq request{};
  request.ifr_flags = IFF_TAP | IFF_NO_PI;
  std::strncpy(request.ifr_name, "gwtest%d", IFNAMSIZ - 1);
  if (!tap.valid() || ioctl(tap.get(), TUNSETIFF, &request) != 0) {
    GTEST_SKIP() << "this user may not make a tap interface";
  }
  EXPECT_EQ(tap_traffic_of(getpid()), TapTraffic());
}

}  // namespace
}  // namespace godwit::probe
