#include "godwit/libvirt_fleet/by_uri.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace godwit::libvirt_fleet {
namespace {

using testing::HasSubstr;

const std::string kHere = "libvirt:qemu:///system";
const std::string kTwo = "qemu+ssh://root@kvm2/system";
const std::string kThree = "qemu+ssh://root@kvm3/system";

TEST(ByUri, TheSameHostsAreTheSameFleetInWhateverOrder) {
  const BytesPerSecond link(125e6);
  const auto one = hosts_by_uri({kHere, kTwo + "," + kThree}, link);
  const auto other = hosts_by_uri({"libvirt:" + kThree, kTwo, kHere, kHere}, link);
  ASSERT_TRUE(one && other);
  EXPECT_EQ(one->host, "qemu:///system");
  EXPECT_EQ(other->host, "kvm3");
  EXPECT_EQ(one->key, other->key);
  EXPECT_EQ(one->file.hosts.size(), 3U);
  EXPECT_EQ(other->file.hosts.size(), 3U);
  EXPECT_NE(hosts_by_uri({kHere, kTwo}, link)->key, one->key);
}

TEST(ByUri, WhatIsMissingIsSaid) {
  const auto alone = hosts_by_uri({kHere}, BytesPerSecond(1e6));
  ASSERT_FALSE(alone);
  EXPECT_THAT(alone.error().message, HasSubstr("which other hosts"));
  const auto no_uri = hosts_by_uri({kHere, "kvm2"}, BytesPerSecond(1e6));
  ASSERT_FALSE(no_uri);
  EXPECT_THAT(no_uri.error().message, HasSubstr("has no URI"));
  const auto no_link = hosts_by_uri({kHere, "qemu:///session"}, {});
  ASSERT_FALSE(no_link);
  EXPECT_THAT(no_link.error().message, HasSubstr("how fast"));
}

}  // namespace
}  // namespace godwit::libvirt_fleet
