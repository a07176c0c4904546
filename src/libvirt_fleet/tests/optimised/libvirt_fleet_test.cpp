// Against hosts that libvirt's library makes up within this process. Sanitizers can't look into it.

#include "godwit/libvirt_fleet/libvirt_fleet.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "silent_listener.h"
#include "temporary_folder.h"

namespace godwit::libvirt_fleet {
namespace {

using testing::HasSubstr;

/// Of moves that are refused before they begin.
class NobodyWatches final : public fleet::MoveWatcher {
 public:
  Result<void> destination_started(const std::string&) override { return {}; }
  bool await_turn() override { return false; }
  void on_progress(const control::Progress&) override {}
  void warning(const std::string&) override {}
};

class MadeUpFleet : public testing::Test {
 protected:
  void SetUp() override {
    add_host("probe", {"one"});
    const auto probe = libvirt::Connection::open(file.uris.at("probe"));
    if (!probe) GTEST_SKIP() << probe.error().message;
    file = {};
  }

  /// Its domains run, and are numbered from 1 on.
  void add_host(const std::string& name, const std::vector<std::string>& domains) {
    const std::string path = folder.file(name + ".xml");
    std::ofstream node(path);
    node << "<node>";
    for (const std::string& domain : domains) {
      node << fmt::format(
          "<domain type='test'><name>{}</name><uuid>00000000-0000-0000-0000-{:012}</uuid>"
          "<memory unit='MiB'>8</memory><vcpu>1</vcpu><os><type>hvm</type></os></domain>",
          domain, ++domains_);
    }
    node << "</node>";
    add_uri(name, "test://" + path);
  }
  void add_uri(const std::string& name, const std::string& uri) {
    file.hosts.push_back({name});
    file.network.hosts.push_back({name, "switch", BytesPerSecond(1e8), BytesPerSecond(1e8)});
    file.uris[name] = uri;
  }
  [[nodiscard]] std::unique_ptr<LibvirtFleet> fleet(const std::string& host,
                                                    const std::vector<fleet::Entry>& entries = {}) {
    return std::make_unique<LibvirtFleet>(clock, "test", file, host, entries, hosts::EngineMaker(),
                                          "", false, stop.get_token());
  }
  /// What a move from a host where the VM is not is refused with.
  static Error refusal(LibvirtFleet& fleet, const std::string& vm, const std::string& from,
                       const std::string& to) {
    fleet::MoveOrder order;
    order.move.vm = vm;
    order.move.from = from;
    order.move.to = to;
    NobodyWatches nobody;
    const auto moved = fleet.move(order, nobody, {});
    return moved ? Error{ErrorCode::kInternal, "it was moved", ""} : moved.error();
  }

  RealClock clock;
  TemporaryFolder folder;
  hosts::FleetFile file;
  std::stop_source stop;

 private:
  int domains_ = 0;
};

TEST_F(MadeUpFleet, AVmWhoseNameIsANumberIsNoOtherVmOfThatNumber) {
  add_host("a", {"2"});
  add_host("b", {"other", "next"});  // which has the number 2 there
  const auto fleet = this->fleet("a");
  const Error refused = refusal(*fleet, "2", "b", "a");
  EXPECT_EQ(refused.code, ErrorCode::kRefused) << refused.message;
  EXPECT_THAT(refused.message, HasSubstr("VM 2 is on host a now"));
  EXPECT_EQ(refusal(*fleet, "1", "a", "b").code, ErrorCode::kNotFound);

  const auto barred = fleet->barred({"1", "b", 8_MiB});
  ASSERT_FALSE(barred);
  EXPECT_EQ(barred.error().code, ErrorCode::kNotFound) << barred.error().message;
}

TEST_F(MadeUpFleet, DifferentDomainsOfOneNameAreSaid) {
  add_host("a", {"web"});
  add_host("b", {"web"});
  const Error refused = refusal(*fleet("a"), "web", "a", "b");
  EXPECT_EQ(refused.code, ErrorCode::kBusy);
  EXPECT_THAT(refused.message, HasSubstr("different domains"));
}

/// Besides hosts that answer, one at whose socket nobody listens yet.
class FleetWithASilentHost : public MadeUpFleet {
 protected:
  void SetUp() override {
    MadeUpFleet::SetUp();
    if (IsSkipped()) return;
    add_host("a", {"web"});
    add_host("b", {});
    add_uri("c", "qemu+unix:///system?socket=" + socket());
  }
  [[nodiscard]] std::string socket() const { return folder.file("libvirt-sock"); }
  /// From now on it takes connections, and says nothing.
  void begin_to_hang() { hanging = std::make_unique<SilentListener>(socket()); }

  std::unique_ptr<SilentListener> hanging;
};

TEST_F(FleetWithASilentHost, IsNotWaitedForAgainWithEachVm) {
  const auto fleet = this->fleet("a");
  const auto all = fleet->look();
  ASSERT_TRUE(all) << all.error().message;
  EXPECT_TRUE(all->hosts[2].cordoned);
  begin_to_hang();
  const auto barred = fleet->barred(all->vms[0]);
  ASSERT_TRUE(barred) << barred.error().message;
  EXPECT_TRUE(barred->contains("c"));
  EXPECT_THAT(refusal(*fleet, "web", "b", "a").message, HasSubstr("is on host a now"));
  EXPECT_FALSE(hanging->connected());
}

TEST_F(FleetWithASilentHost, WhereAMoveWasBegunItsSilenceLeavesTheVmUnknown) {
  fleet::Entry begun;
  begun.kind = fleet::Entry::Kind::kMoving;
  begun.vm = "web";
  begun.from = "a";
  begun.to = "c";
  const auto fleet = this->fleet("a", {begun});
  ASSERT_TRUE(fleet->look());
  const Error unknown = refusal(*fleet, "web", "b", "a");
  EXPECT_EQ(unknown.code, ErrorCode::kPeerGone) << unknown.message;
  EXPECT_THAT(unknown.message, HasSubstr("host c"));
}

TEST_F(FleetWithASilentHost, AVmThatNobodyElseHasIsUnknownAndNotGone) {
  const auto fleet = this->fleet("a");
  ASSERT_TRUE(fleet->look());
  const Error unknown = refusal(*fleet, "mail", "a", "b");
  EXPECT_EQ(unknown.code, ErrorCode::kPeerGone) << unknown.message;
}

TEST_F(FleetWithASilentHost, AStopRequestEndsWaitingForItAtOnce) {
  begin_to_hang();
  const auto fleet = this->fleet("a");
  const std::jthread person([&] {
    if (hanging->await_one()) stop.request_stop();
  });
  const auto all = fleet->look();
  ASSERT_FALSE(all);
  EXPECT_EQ(all.error().code, ErrorCode::kInterrupted);
}

TEST_F(FleetWithASilentHost, OthersAreAskedWhileItIsWaitedFor) {
  begin_to_hang();
  const auto fleet = this->fleet("a");
  const std::jthread waits([&] { (void)fleet->check_destination("web", "c"); });
  ASSERT_TRUE(hanging->await_one());
  EXPECT_TRUE(fleet->check_destination("web", "b"));
  EXPECT_FALSE(fleet->address_of("web")) << "nobody has looked yet";
  stop.request_stop();
}

}  // namespace
}  // namespace godwit::libvirt_fleet
