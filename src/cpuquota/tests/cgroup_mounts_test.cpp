#include "cgroup_mounts.h"

#include <gtest/gtest.h>

namespace godwit::cpuquota {
namespace {

const std::string kHybrid =
    "31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n"
    "32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu,cpuacct\n"
    "34 31 0:31 / /sys/fs/cgroup/cpuset rw,relatime - cgroup cgroup rw,cpuset\n"
    "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime shared:5 - cgroup2 cgroup2 rw\n";

TEST(CpuMembership, IsV1sWhereV1HasTheController) {
  const auto hybrid = cpu_membership("9:name=systemd:/\n4:cpuset:/x\n2:cpu,cpuacct:/vm\n0::/u\n");
  EXPECT_EQ(hybrid->version, CgroupVersion::kV1);
  EXPECT_EQ(hybrid->path, "/vm");
  const auto v2 = cpu_membership("4:cpuset:/x\n0::/u:ser\n");
  EXPECT_EQ(v2->version, CgroupVersion::kV2);
  EXPECT_EQ(v2->path, "/u:ser") << "a path may have colons";
  EXPECT_FALSE(cpu_membership("4:cpuset:/x\n"));
  EXPECT_FALSE(cpu_membership(""));
  EXPECT_FALSE(cpu_membership(":::"));
}

TEST(CpuMounts, AreThoseOfV1sControllerAndOfV2) {
  const auto mounts = cpu_mounts(kHybrid);
  ASSERT_EQ(mounts.size(), 2U);
  EXPECT_EQ(mounts[0].version, CgroupVersion::kV1);
  EXPECT_EQ(mounts[0].point, "/sys/fs/cgroup/cpu");
  EXPECT_EQ(mounts[1].version, CgroupVersion::kV2);
  EXPECT_TRUE(cpu_mounts("").empty());
  EXPECT_TRUE(cpu_mounts("32 31 0:29 / /x - cgroup\nno mount\n").empty());
}

TEST(CpuMounts, PathsAreUnescaped) {
  const auto mounts = cpu_mounts(
      "1 0 0:1 /machine\\134x2d /a\\040b rw - cgroup2 none rw\n"
      "2 0 0:1 / /c\\04 rw - cgroup2 none rw\n");
  ASSERT_EQ(mounts.size(), 2U);
  EXPECT_EQ(mounts[0].root, "/machine\\x2d");
  EXPECT_EQ(mounts[0].point, "/a b");
  EXPECT_EQ(mounts[1].point, "/c\\04");
}

TEST(FolderOf, IsTheGroupBelowItsMount) {
  const auto mounts = cpu_mounts(kHybrid);
  EXPECT_EQ(folder_of({CgroupVersion::kV1, "/"}, mounts), "/sys/fs/cgroup/cpu");
  EXPECT_EQ(folder_of({CgroupVersion::kV1, "/a/b"}, mounts), "/sys/fs/cgroup/cpu/a/b");
  EXPECT_EQ(folder_of({CgroupVersion::kV2, "/a"}, mounts), "/sys/fs/cgroup/unified/a");
  EXPECT_FALSE(folder_of({CgroupVersion::kV2, "/a"}, {}));
}

TEST(FolderOf, KnowsWhatAContainerSees) {
  const std::vector<CgroupMount> mounts{{CgroupVersion::kV2, "/docker/a", "/sys/fs/cgroup"}};
  EXPECT_EQ(folder_of({CgroupVersion::kV2, "/docker/a"}, mounts), "/sys/fs/cgroup");
  EXPECT_EQ(folder_of({CgroupVersion::kV2, "/docker/a/vm"}, mounts), "/sys/fs/cgroup/vm");
  EXPECT_FALSE(folder_of({CgroupVersion::kV2, "/docker/ab"}, mounts)) << "somebody else's";
  EXPECT_FALSE(folder_of({CgroupVersion::kV2, "/"}, mounts));
  const std::vector<CgroupMount> own{{CgroupVersion::kV2, "/", "/sys/fs/cgroup"}};
  EXPECT_FALSE(folder_of({CgroupVersion::kV2, "/../vm"}, own)) << "outside its namespace";
  EXPECT_FALSE(folder_of({CgroupVersion::kV2, "/.."}, own));
}

}  // namespace
}  // namespace godwit::cpuquota
