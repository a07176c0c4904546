#include "inventory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace godwit::libvirt_fleet {
namespace {

using libvirt::HostedDomain;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

HostedDomain domain(const std::string& name, const std::string& uuid,
                    RunState state = RunState::kRunning) {
  HostedDomain one{name, uuid, state};
  one.memory = 1_GiB;
  one.vcpus = 2;
  return one;
}

fleet::Inventory two_hosts() {
  fleet::Inventory all;
  all.hosts = {{"a"}, {"b", 8_GiB}};
  return all;
}

std::vector<std::string> names(const fleet::Inventory& inventory) {
  std::vector<std::string> all;
  for (const fleet::FleetVm& vm : inventory.vms) all.push_back(vm.name + "@" + vm.host);
  return all;
}

TEST(LibvirtInventory,
     WhatRunsIsNamedAsItsDomainAndWhatADaemonTellsOfMemoryHoldsWhereNobodyElseDoes) {
  fleet::Inventory all = two_hosts();
  ASSERT_TRUE(fill(all, {{"a", {4_GiB, {domain("web", "1")}, {}}},
                         {"b", {4_GiB, {domain("db", "2", RunState::kPaused)}, {}}}}));
  EXPECT_THAT(names(all), ElementsAre("web@a", "db@b"));
  EXPECT_EQ(all.vms[0].memory, 1_GiB);
  EXPECT_EQ(all.vms[0].vcpus, 2);
  EXPECT_EQ(all.hosts[0].memory, 4_GiB);
  EXPECT_EQ(all.hosts[1].memory, 8_GiB) << "as the file has it";
}

TEST(LibvirtInventory, DomainsOfOneNameAreNamedByTheirUuids) {
  fleet::Inventory all = two_hosts();
  ASSERT_TRUE(fill(all, {{"a", {{}, {domain("test", "1"), domain("web", "3")}, {}}},
                         {"b", {{}, {domain("test", "2")}, {}}}}));
  EXPECT_THAT(names(all), ElementsAre("1@a", "web@a", "2@b"));
}

TEST(LibvirtInventory, WhatIsWaitedForOrWasGivenAwayIsNotThere) {
  fleet::Inventory all = two_hosts();
  ASSERT_TRUE(fill(all, {{"a", {{}, {domain("web", "1", RunState::kPostmigrate)}, {}}},
                         {"b", {{}, {domain("web", "1")}, {}}}}));
  EXPECT_THAT(names(all), ElementsAre("web@b"));
}

TEST(LibvirtInventory, ADefinitionThatAGuestLeftBehindIsNoStoppedVm) {
  fleet::Inventory all = two_hosts();
  ASSERT_TRUE(fill(
      all, {{"a",
             {{},
              {},
              {domain("web", "1", RunState::kShutdown), domain("off", "2", RunState::kShutdown)}}},
            {"b", {{}, {domain("web", "1")}, {}}}}));
  EXPECT_THAT(all.stopped, ElementsAre(fleet::StoppedVm{"off", "a"}));
}

TEST(LibvirtInventory, OneThatRunsTwiceIsSaid) {
  fleet::Inventory all = two_hosts();
  const auto filled = fill(all, {{"a", {{}, {domain("web", "1")}, {}, "A"}},
                                 {"b", {{}, {domain("web", "1")}, {}, "B"}}});
  ASSERT_FALSE(filled);
  EXPECT_EQ(filled.error().code, ErrorCode::kBusy);
  EXPECT_THAT(filled.error().message, HasSubstr("on host a and on host b"));
  EXPECT_THAT(filled.error().what_to_do.text(), HasSubstr("destroy the one"));
}

TEST(LibvirtInventory, OneMachineUnderTwoNamesIsSaidBeforeAnythingElse) {
  fleet::Inventory all = two_hosts();
  const auto filled = fill(all, {{"a", {{}, {domain("web", "1")}, {}, "A"}},
                                 {"b", {{}, {domain("web", "1")}, {}, "A"}}});
  ASSERT_FALSE(filled);
  EXPECT_EQ(filled.error().code, ErrorCode::kBadInput);
  EXPECT_THAT(filled.error().message, HasSubstr("host a and host b are one machine"));
  EXPECT_THAT(filled.error().what_to_do.text(), Not(HasSubstr("destroy")));
  EXPECT_THAT(all.vms, IsEmpty());

  const Error seen = at_several("web", {{"a", "A", "1"}, {"c", "C", "1"}, {"b", "A", "1"}});
  EXPECT_EQ(seen.code, ErrorCode::kBadInput);
  EXPECT_THAT(seen.message, HasSubstr("host a and host b are one machine"));
}

TEST(LibvirtInventory, NobodyIsToldToEndAGuestThatMayBeTheOnlyOne) {
  fleet::Inventory all = two_hosts();
  const auto filled = fill(
      all, {{"a", {{}, {domain("web", "1")}, {}, "A"}}, {"b", {{}, {domain("web", "1")}, {}}}});
  ASSERT_FALSE(filled);
  EXPECT_EQ(filled.error().code, ErrorCode::kBusy);
  EXPECT_THAT(filled.error().message, HasSubstr("on host a and on host b"));
  EXPECT_THAT(filled.error().what_to_do.text(), Not(HasSubstr("destroy")));
}

TEST(LibvirtInventory, DifferentDomainsOfOneNameAreNotTwoCopiesOfAGuest) {
  const Error seen = at_several("web", {{"a", "A", "1"}, {"b", "B", "2"}});
  EXPECT_EQ(seen.code, ErrorCode::kBusy);
  EXPECT_THAT(seen.message, HasSubstr("different domains of the name web"));
  EXPECT_THAT(seen.what_to_do.text(), Not(HasSubstr("destroy")));
}

TEST(LibvirtInventory, DaemonsThatDoNotTellTheirMachinesAreDifferentHosts) {
  fleet::Inventory all = two_hosts();
  EXPECT_TRUE(fill(all, {{"a", {}}, {"b", {}}}));
}

/// Post-copy that broke leaves it paused on both, and holds up no other VM.
TEST(LibvirtInventory, OneThatAMoveOfUnknownEndLeftOnBothHostsIsPutInOnce) {
  fleet::Inventory all = two_hosts();
  const std::map<std::string, libvirt::HostFacts> said{
      {"a", {{}, {domain("db", "1", RunState::kPaused), domain("web", "2")}, {}}},
      {"b", {{}, {domain("db", "1", RunState::kPaused)}, {}}}};
  EXPECT_FALSE(fill(all, said, {{"web", "b"}}));
  all = two_hosts();
  ASSERT_TRUE(fill(all, said, {{"db", "b"}}));
  EXPECT_THAT(names(all), ElementsAre("db@a", "web@a"));
}

}  // namespace
}  // namespace godwit::libvirt_fleet
