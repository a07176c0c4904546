#include "godwit/hosts/fleet_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "godwit/schedule/paths.h"

namespace godwit::hosts {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kRack = R"(
link = "1Gbit/s"
start = ["/usr/local/bin/start-destination", "{vm}", "--on={host}"]

[hosts.a]
memory = "64GiB"
vcpus = 32
[hosts.b]
link = "10Gbit/s"
switch = "upper"

[vms.web]
host = "a"
qmp = "/run/vms/web.qmp"
memory = "4GiB"

[[uplinks]]
from = "switch"
to = "upper"
link = "2Gbit/s"
)";

TEST(FleetFile, SaysHostsLinksVmsAndHowADestinationIsStarted) {
  const auto fleet = parse_fleet_file(kRack);
  ASSERT_TRUE(fleet) << fleet.error().message;
  ASSERT_EQ(fleet->hosts.size(), 2u);
  EXPECT_EQ(fleet->hosts[0].memory, 64_GiB);
  EXPECT_EQ(fleet->hosts[0].vcpus, 32);
  EXPECT_EQ(fleet->hosts[1].memory, std::nullopt);
  EXPECT_EQ(fleet->network.hosts[0].egress, BytesPerSecond(125e6));
  EXPECT_EQ(fleet->network.hosts[1].egress, BytesPerSecond(1250e6));
  ASSERT_EQ(fleet->network.uplinks.size(), 1u);
  const auto paths = schedule::Paths::of(fleet->network);
  ASSERT_TRUE(paths);
  EXPECT_EQ(paths->widest(0, 1), BytesPerSecond(125e6));
  EXPECT_EQ(fleet->vms.at("web").monitor, "/run/vms/web.qmp");
  EXPECT_EQ(fleet->vms.at("web").memory, 4_GiB);
  EXPECT_THAT(filled(fleet->start, "web", "b"),
              ElementsAre("/usr/local/bin/start-destination", "web", "--on=b"));
}

TEST(FleetFile, HostsOfLibvirtsHaveAUriAndTheirDaemonsKnowTheRest) {
  const std::string two =
      "link = \"1Gbit/s\"\n[hosts.a]\nuri = \"qemu+ssh://root@kvm1/system\"\n"
      "[hosts.b]\nuri = \"qemu+ssh://root@kvm2/system\"\nmemory = \"64GiB\"\n";
  const auto fleet = parse_fleet_file(two);
  ASSERT_TRUE(fleet) << fleet.error().message;
  EXPECT_EQ(fleet->uris.at("b"), "qemu+ssh://root@kvm2/system");
  EXPECT_EQ(fleet->hosts[1].memory, 64_GiB);
  EXPECT_EQ(parse_fleet_file(to_toml(*fleet))->uris, fleet->uris);
  const auto wrong = [](const std::string& text) {
    const auto file = parse_fleet_file(text);
    return file ? "" : file.error().message;
  };
  EXPECT_THAT(wrong(two + "[hosts.c]\n"), HasSubstr("host c has no uri"));
  EXPECT_THAT(wrong("start = [\"x\"]\n" + two), HasSubstr("'start' means nothing"));
  EXPECT_THAT(wrong(two + "[vms.web]\nhost = \"a\"\n"), HasSubstr("'vms' means nothing"));
  EXPECT_THAT(wrong(two + "[hosts.c]\nuri = \"kvm3\"\n"), HasSubstr("line 8"));
  EXPECT_THAT(wrong(two + "[hosts.c]\nuri = \"qemu+ssh://root@kvm1/system\"\n"),
              HasSubstr("host a has the same uri"));
}

TEST(FleetFile, HostsThatNoFileListsAreCalledAsTheirUrisNameThem) {
  const auto fleet =
      hosts_of({"qemu:///system", "qemu+ssh://root@kvm2/system", "qemu+tls://[fd00::3]/system"},
               BytesPerSecond(125e6));
  ASSERT_TRUE(fleet) << fleet.error().message;
  std::vector<std::string> names;
  for (const auto& host : fleet->hosts) names.push_back(host.name);
  EXPECT_THAT(names, ElementsAre("qemu:///system", "kvm2", "fd00::3"));
  EXPECT_EQ(fleet->network.hosts[1].egress, BytesPerSecond(125e6));
  ASSERT_TRUE(schedule::Paths::of(fleet->network));
  const auto twice =
      hosts_of({"qemu+ssh://kvm2/system", "qemu+tls://kvm2/system"}, BytesPerSecond(1));
  ASSERT_FALSE(twice);
  EXPECT_THAT(twice.error().message, HasSubstr("both be host kvm2"));
}

std::string refused(const std::string& text) {
  const auto fleet = parse_fleet_file(text);
  EXPECT_FALSE(fleet) << text;
  return fleet ? "" : fleet.error().message;
}

TEST(FleetFile, ASimulationNeedsMemoryAndLoadsAndNeitherSocketsNorCommands) {
  const std::string rack =
      "link = \"1Gbit/s\"\n[hosts.a]\n[vms.web]\nhost = \"a\"\nmemory = \"4GiB\"\n";
  const auto idle = parse_fleet_file(rack, FleetUse::kSimulated);
  ASSERT_TRUE(idle) << idle.error().message;
  EXPECT_EQ(idle->vms.at("web").load->dirty, BytesPerSecond(0));
  EXPECT_EQ(idle->vms.at("web").load->working_set, 4_GiB);
  const auto busy =
      parse_fleet_file(rack + "dirty = \"20MB/s\"\nworking_set = \"1GiB\"\n", FleetUse::kSimulated);
  ASSERT_TRUE(busy) << busy.error().message;
  EXPECT_EQ(busy->vms.at("web").load->dirty, 20_MB_per_s);
  EXPECT_EQ(busy->vms.at("web").load->working_set, 1_GiB);
  const auto wrong = [](const std::string& text) {
    const auto fleet = parse_fleet_file(text, FleetUse::kSimulated);
    return fleet ? "" : fleet.error().message;
  };
  EXPECT_THAT(wrong(rack + "working_set = \"5GiB\"\n"), HasSubstr("larger than its memory"));
  EXPECT_THAT(wrong("link = \"1Gbit/s\"\n[hosts.a]\n[vms.web]\nhost = \"a\"\n"),
              HasSubstr("line 3"));
}

TEST(FleetFile, WhatIsWrongIsSaidWithItsLine) {
  const std::string start = "start = [\"x\"]\n";
  EXPECT_THAT(refused("start = 3"), HasSubstr("line 1"));
  EXPECT_THAT(refused("[hosts.a]\nlink = \"1Gbit/s\""), HasSubstr("'start' is missing"));
  EXPECT_THAT(refused(start + "[hosts.a]\n"), HasSubstr("how fast host a's link is"));
  EXPECT_THAT(refused(start + "[hosts.a]\nlink = \"1Gbit/s\"\nspeed = 3"),
              HasSubstr("line 4: unknown key 'speed'"));
  EXPECT_THAT(refused(start + "[hosts.a]\nlink = \"1Gbit/s\"\n[hosts.a]\n"), HasSubstr("line 4"));
  EXPECT_THAT(refused(start + "[vms.web]\nhost = \"z\"\nqmp = \"/run/x\""),
              HasSubstr("host z, which is not listed"));
  EXPECT_THAT(refused(start + "[hosts.a]\nlink = \"1\""), HasSubstr("line 3"));
  EXPECT_THAT(refused(start + "[hosts.a]\nlink = \"1Gbit/s\"\n[vms.x]\nhost = \"a\"\n"
                              "qmp = \"/q\"\n[vms.y]\nhost = \"a\"\nqmp = \"/q\""),
              HasSubstr("VM x has the same QMP socket"));
  EXPECT_THAT(refused("uplinks = 3\n" + start), HasSubstr("must be a list"));
}

}  // namespace
}  // namespace godwit::hosts
