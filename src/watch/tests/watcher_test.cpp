// Hosts and VMs that are watched: QMP is played by a server that keeps each command, a host by a
// list of who leaves it.

#include "godwit/watch/watcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <nlohmann/json.hpp>

#include "godwit/opener/host_opener.h"
#include "godwit/qmp/testing/fake_qmp_server.h"

namespace godwit::watch {
namespace {

using qmp::testing::captured_return;
using qmp::testing::FakeQmpServer;
using qmp::testing::QemuVersion;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// A QEMU of which somebody migrates away what runs on it.
class MigratingQemu {
 public:
  /// It begins after so many looks; later, for so many, it is a post-copy whose link is broken.
  explicit MigratingQemu(int idle_looks = 2, int broken_looks = 0)
      : idle_looks_(idle_looks), broken_looks_(broken_looks) {
    server_.greet().answer_as_captured();
    server_.whenever("query-migrate", [this](const Json&) -> Result<Json> {
      return captured_return(QemuVersion::k10_0, "query-migrate." + phase());
    });
    server_.whenever("query-status", [this](const Json&) -> Result<Json> {
      const bool left = asked_ > idle_looks_ + kLooks;
      return captured_return(QemuVersion::k10_0,
                             left ? "query-status.postmigrate" : "query-status");
    });
    server_.whenever("human-monitor-command", [this](const Json& arguments) -> Result<Json> {
      lines_.insert(arguments.at("command-line").get<std::string>());
      return Json("");
    });
    server_.start();
  }
  /// What the monitor for people was asked; after the server's end.
  [[nodiscard]] const std::set<std::string>& lines() const { return lines_; }
  [[nodiscard]] const std::string& path() const { return server_.path(); }
  FakeQmpServer& server() { return server_; }

 private:
  static constexpr int kLooks = 4;

  std::string phase() {
    const int looks = ++asked_ - idle_looks_;
    if (looks <= 0) return "none";
    if (looks <= kLooks) return "active";
    return looks <= kLooks + broken_looks_ ? "postcopy-paused" : "completed";
  }

  int idle_looks_;
  int broken_looks_;
  std::atomic<int> asked_{0};
  std::set<std::string> lines_;
  FakeQmpServer server_;
};

/// What is told, as words; the run ends with the first end of a migration, or when it is told so.
class Notes : public Onlooker {
 public:
  explicit Notes(int ends = 1) : ends_(ends) {}
  void reached(const std::string& target) override { note("reached " + target); }
  void lost(const std::string& target, const Error& why) override {
    note("lost " + target);
    reason = why.message;
    if (stop_when_lost) stop.request_stop();
  }
  void began(const Followed& one) override { note("began " + one.vm + " at " + one.target); }
  void on_progress(const Followed&, const control::Progress& now) override {
    rounds = now.round;
    ++looks;
    if (now.phase == MigrationPhase::kPostcopyPaused) ++broken_looks;
  }
  void on_event(const Followed&, const control::RunEvent&) override {}
  void warning(const Followed& one, const std::string& text) override {
    note("warning " + one.vm);
    reason = text;
  }
  void ended(const Followed& one, const MigrationOutcome& outcome) override {
    note("ended " + one.vm + " " + std::string(to_string(outcome.status)));
    if (--ends_ == 0) stop.request_stop();
  }

  std::stop_source stop;
  bool stop_when_lost = false;
  std::vector<std::string> told;
  std::string reason;
  int looks = 0;
  int broken_looks = 0;
  int rounds = 0;

 private:
  void note(std::string what) { told.push_back(std::move(what)); }
  int ends_;
};

/// Domains are played by QMP servers.
class DomainOpener final : public engine::Opener {
 public:
  DomainOpener(Clock& clock, std::map<std::string, std::string> sockets)
      : hosts_(clock, "none"), sockets_(std::move(sockets)) {}
  Result<std::string> monitor_of(const VmAddress& address, engine::Access access) override {
    const auto* const domain = std::get_if<LibvirtVm>(&address);
    if (domain == nullptr) return hosts_.monitor_of(address, access);
    const auto found = sockets_.find(domain->domain);
    if (found == sockets_.end()) return fail(ErrorCode::kNotFound, "no such domain");
    return found->second;
  }
  std::optional<std::string> monitor_of(const JournalEntry&, Side) override { return {}; }
  Result<std::shared_ptr<Hypervisor>> connect(const std::string& monitor) override {
    return hosts_.connect(monitor);
  }
  Result<std::unique_ptr<engine::DriverLock>> lock(std::int64_t pid) override {
    return hosts_.lock(pid);
  }
  Result<std::unique_ptr<GuestMemory>> memory_of(Hypervisor&) override {
    return fail(ErrorCode::kUnsupported, "nobody reads memory to watch");
  }
  std::unique_ptr<ActivityCounter> activity_of(Hypervisor& vm, std::int64_t pid) override {
    return hosts_.activity_of(vm, pid);
  }
  Result<std::unique_ptr<CpuQuota>> cpu_quota_of(const VmDescription& vm) override {
    return hosts_.cpu_quota_of(vm);
  }
  Result<void> give_back_cpu(const LentCpu& lent) override { return hosts_.give_back_cpu(lent); }
  Result<std::unique_ptr<StreamCarrier>> relay_to(const std::string& stream,
                                                  const VmDescription& source) override {
    return hosts_.relay_to(stream, source);
  }

 private:
  opener::HostOpener hosts_;
  std::map<std::string, std::string> sockets_;
};

/// A host whose daemon says who leaves it; each is told once.
class ListedHost final : public HostLookout {
 public:
  explicit ListedHost(std::vector<libvirt::Departure> leaving) : leaving_(std::move(leaving)) {}
  Result<std::vector<libvirt::Departure>> look(const std::set<std::string>& known) override {
    std::vector<libvirt::Departure> now = std::exchange(leaving_, {});
    std::erase_if(now, [&](const auto& one) { return known.contains(one.uuid); });
    return now;
  }
  void wait(TimePoint, const std::stop_token& stop) override {
    RealClock clock;
    (void)clock.wait_until(clock.now() + Seconds(0.01), stop);
  }

 private:
  std::vector<libvirt::Departure> leaving_;
};

class WatcherTest : public testing::Test {
 protected:
  Result<void> run(const std::vector<Target>& targets, Notes& notes) {
    const EngineMaker engines = [this](std::stop_token stop) {
      return std::make_unique<engine::Engine>(clock, std::make_unique<DomainOpener>(clock, domains),
                                              engine::Places(), std::move(stop));
    };
    const LookoutMaker lookouts = [this](const LibvirtHost& host) { return lookout(host); };
    const Pace quick{Seconds(0.01), Seconds(0.01), Seconds(0.01), Seconds(0.01)};
    return Watcher(clock, engines, lookouts, {}, notes, quick).run(targets, notes.stop.get_token());
  }

  RealClock clock;
  std::map<std::string, std::string> domains;  ///< sockets by UUID
  std::function<Result<std::unique_ptr<HostLookout>>(const LibvirtHost&)> lookout =
      [](const LibvirtHost&) -> Result<std::unique_ptr<HostLookout>> {
    return fail(ErrorCode::kPeerGone, "no daemon answers");
  };
};

/// The recorded list of calls that proves it: whatever a monitor is asked is a question.
TEST_F(WatcherTest, AMigrationOfAMonitorIsFollowedByNothingButQuestions) {
  MigratingQemu qemu;
  Notes notes;
  const std::string vm = "qmp:" + qemu.path();
  ASSERT_TRUE(run({VmAddress(QmpVm{qemu.path()})}, notes));
  EXPECT_THAT(notes.told, ElementsAre("reached " + vm, "began " + vm + " at " + vm,
                                      "ended " + vm + " completed"));
  EXPECT_GT(notes.looks, 0);
  EXPECT_THAT(qemu.server().finish(), IsEmpty());
  const std::set<std::string> questions{"qmp_capabilities",
                                        "query-qmp-schema",
                                        "query-uuid",
                                        "query-cpus-fast",
                                        "query-version",
                                        "query-name",
                                        "query-kvm",
                                        "query-block",
                                        "query-memory-size-summary",
                                        "query-status",
                                        "query-migrate",
                                        "query-migrate-capabilities",
                                        "query-migrate-parameters",
                                        "qom-list",
                                        "qom-get",
                                        "query-hotpluggable-cpus",
                                        "query-memory-devices",
                                        "x-query-virtio",
                                        "x-query-virtio-status",
                                        "query-jobs",
                                        "human-monitor-command"};
  for (const std::string& command : qemu.server().commands()) {
    EXPECT_TRUE(questions.contains(command)) << command;
  }
  for (const std::string& line : qemu.lines()) EXPECT_THAT(line, testing::StartsWith("info "));
}

/// It is one migration as long as it may still be mended, and is seen all the time.
TEST_F(WatcherTest, APostcopyThatIsBrokenIsFollowedUntilItHasEnded) {
  MigratingQemu qemu(2, 4);
  Notes notes;
  const std::string vm = "qmp:" + qemu.path();
  ASSERT_TRUE(run({VmAddress(QmpVm{qemu.path()})}, notes));
  EXPECT_THAT(notes.told, ElementsAre("reached " + vm, "began " + vm + " at " + vm, "warning " + vm,
                                      "ended " + vm + " completed"));
  EXPECT_THAT(notes.reason, HasSubstr("migrate-recover"));
  EXPECT_GE(notes.broken_looks, 4);
}

/// Its daemon is asked again meanwhile: others may leave that host, too.
TEST_F(WatcherTest, AMigrationThatGoesOnKeepsNobodyFromAskingADaemonThatIsBack) {
  MigratingQemu web(0, 1'000'000);
  MigratingQemu mail(0);
  domains = {{"uuid-1", web.path()}, {"uuid-2", mail.path()}};
  /// The daemon is lost once it has told of one.
  class LostHost final : public HostLookout {
   public:
    Result<std::vector<libvirt::Departure>> look(const std::set<std::string>&) override {
      if (std::exchange(told_, true)) return fail(ErrorCode::kPeerGone, "the daemon is gone");
      return std::vector<libvirt::Departure>{{"web", "uuid-1"}};
    }
    void wait(TimePoint, const std::stop_token&) override {}

   private:
    bool told_ = false;
  };
  int opened = 0;
  lookout = [&](const LibvirtHost&) -> Result<std::unique_ptr<HostLookout>> {
    if (++opened == 1) return std::unique_ptr<HostLookout>(std::make_unique<LostHost>());
    return std::unique_ptr<HostLookout>(std::make_unique<ListedHost>(
        std::vector<libvirt::Departure>{{"web", "uuid-1"}, {"mail", "uuid-2"}}));
  };
  Notes notes(1);
  ASSERT_TRUE(run({LibvirtHost{"qemu:///system"}}, notes));
  EXPECT_THAT(notes.told, testing::Contains("ended libvirt:qemu:///system#mail completed"));
  EXPECT_EQ(std::count(notes.told.begin(), notes.told.end(),
                       "began libvirt:qemu:///system#web at qemu:///system"),
            1);
}

TEST_F(WatcherTest, SeveralMigrationsThatLeaveAHostAreFollowedAtOnce) {
  MigratingQemu web(0);
  MigratingQemu mail(0);
  domains = {{"uuid-1", web.path()}, {"uuid-2", mail.path()}};
  lookout = [](const LibvirtHost&) -> Result<std::unique_ptr<HostLookout>> {
    return std::unique_ptr<HostLookout>(
        std::make_unique<ListedHost>(std::vector<libvirt::Departure>{
            {"web", "uuid-1"}, {"mail", "uuid-2"}, {"gone", "uuid-3"}}));
  };
  Notes notes(2);
  ASSERT_TRUE(run({LibvirtHost{"qemu:///system"}}, notes));
  EXPECT_THAT(notes.told, testing::IsSupersetOf({"reached qemu:///system",
                                                 "ended libvirt:qemu:///system#web completed",
                                                 "ended libvirt:qemu:///system#mail completed"}));
}

TEST_F(WatcherTest, WhatCannotBeReachedIsSaidOnceAndTriedAgain) {
  int tried = 0;
  Notes notes;
  lookout = [&](const LibvirtHost&) -> Result<std::unique_ptr<HostLookout>> {
    if (++tried == 3) notes.stop.request_stop();
    return fail(ErrorCode::kPeerGone, "no daemon answers");
  };
  ASSERT_TRUE(run({LibvirtHost{"qemu:///system"}}, notes));
  EXPECT_EQ(tried, 3);
  EXPECT_THAT(notes.told, ElementsAre("lost qemu:///system"));
  EXPECT_EQ(notes.reason, "no daemon answers");
}

TEST_F(WatcherTest, ADaemonThatComesBackIsSaid) {
  int tried = 0;
  Notes notes;
  lookout = [&](const LibvirtHost&) -> Result<std::unique_ptr<HostLookout>> {
    if (++tried == 1) return fail(ErrorCode::kPeerGone, "no daemon answers");
    notes.stop.request_stop();
    return std::unique_ptr<HostLookout>(
        std::make_unique<ListedHost>(std::vector<libvirt::Departure>{}));
  };
  ASSERT_TRUE(run({LibvirtHost{"qemu:///system"}}, notes));
  EXPECT_THAT(notes.told, ElementsAre("lost qemu:///system", "reached qemu:///system"));
}

TEST_F(WatcherTest, WhatTryingAgainWontMendIsAnError) {
  lookout = [](const LibvirtHost&) -> Result<std::unique_ptr<HostLookout>> {
    return fail(ErrorCode::kEnvironment, "no library", "install it");
  };
  Notes notes;
  const auto ended = run({LibvirtHost{"qemu:///system"}, VmAddress(QmpVm{"/none"})}, notes);
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().code, ErrorCode::kEnvironment);
  EXPECT_THAT(ended.error().message, HasSubstr("qemu:///system"));
}

TEST_F(WatcherTest, AStopEndsItInTheMiddleAndNoEndIsTold) {
  MigratingQemu qemu;
  class StopAtFirstLook final : public Notes {
   public:
    void on_progress(const Followed& one, const control::Progress& now) override {
      Notes::on_progress(one, now);
      stop.request_stop();
    }
  } notes;
  const std::string vm = "qmp:" + qemu.path();
  ASSERT_TRUE(run({VmAddress(QmpVm{qemu.path()})}, notes));
  EXPECT_THAT(notes.told, ElementsAre("reached " + vm, "began " + vm + " at " + vm));
}

}  // namespace
}  // namespace godwit::watch
