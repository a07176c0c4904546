#include "godwit/base/ip_address.h"

#include <gtest/gtest.h>

namespace godwit {
namespace {

TEST(IpAddress, ManySpellingsAreOneAddress) {
  EXPECT_EQ(parse_ip("::1"), parse_ip("0:0:0:0:0:0:0:1"));
  EXPECT_EQ(parse_ip("fd00::a"), parse_ip("FD00:0::000a"));
  EXPECT_EQ(parse_ip("::ffff:10.0.0.2"), parse_ip("::ffff:a00:2"));
  EXPECT_EQ(parse_ip("fe80::1%eth0"), parse_ip("fe80::1"));
  EXPECT_NE(parse_ip("0.0.0.1"), parse_ip("::1"));
  EXPECT_TRUE(parse_ip("::")->is_any() && parse_ip("0.0.0.0")->is_any());
  for (const char* text : {"", "1", "1.2.3", "1.2.3.4.5", "256.0.0.1", "1.2.3.0x4", "a", ":",
                           ":::", "1:2", "1:2:3:4:5:6:7:8:9", "1::2::3", "12345::", "::g", "::1%",
                           ":1::", "1:2:3:4:5:6:7:8::", "1.2.3.4:5::"}) {
    EXPECT_FALSE(parse_ip(text)) << text;
  }
}

}  // namespace
}  // namespace godwit
