#include "godwit/probe/interface_counter.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <unistd.h>

namespace godwit::probe {
namespace {

constexpr std::string_view kText =
    "Inter-|   Receive                                                |  Transmit\n"
    " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs\n"
    "    lo:  100       2    0    0    0     0          0         0      300       4    0\n"
    "  eth0: 12345     67    0    0    0     0          0         0 67890123456      78    0\n"
    "veth10:1 2 3 4 5 6 7 8 9 10 11\n";

TEST(SentBytes, AreTheNinthColumn) {
  EXPECT_EQ(Bytes(300), sent_bytes_in(kText, "lo"));
  EXPECT_EQ(Bytes(67890123456), sent_bytes_in(kText, "eth0"));
  EXPECT_EQ(Bytes(9), sent_bytes_in(kText, "veth10")) << "no blank after the colon";
}

TEST(SentBytes, OtherInterfacesAreNotTaken) {
  for (const char* name : {"", "eth", "eth00", "th0", "face", "veth1"}) {
    EXPECT_FALSE(sent_bytes_in(kText, name)) << name;
  }
}

RC_GTEST_PROP(SentBytes, AnyTextGivesACountOrNothing, (const std::string& text)) {
  const auto sent = sent_bytes_in("eth0:" + text, "eth0");
  RC_ASSERT(!sent || sent->count() >= 0);
}

TEST(InterfaceCounter, ReadsTheKernel) {
  InterfaceCounter loopback("lo", std::nullopt);
  EXPECT_TRUE(loopback.sent());
  InterfaceCounter missing("nothere0", std::nullopt);
  auto none = missing.sent();
  ASSERT_FALSE(none);
  EXPECT_EQ(ErrorCode::kNotFound, none.error().code);
  InterfaceCounter elsewhere("lo", "/run/netns/no-such-namespace");
  EXPECT_EQ(ErrorCode::kNotFound, elsewhere.sent().error().code);
}

}  // namespace
}  // namespace godwit::probe
