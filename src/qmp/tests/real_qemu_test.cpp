// The adapter against the QEMU of this machine. No guest is needed: firmware is VM enough.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>

#include "godwit/qmp/qmp_hypervisor.h"

namespace godwit::qmp {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

constexpr Seconds kEnough{60};

/// A QEMU in a folder of its own; both are gone with the object, and with this process.
class Qemu {
 public:
  explicit Qemu(std::vector<std::string> arguments) {
    folder_ = std::filesystem::temp_directory_path() / "godwit-real-XXXXXX";
    if (::mkdtemp(folder_.data()) == nullptr) std::abort();
    arguments.insert(arguments.begin(), "qemu-system-x86_64");
    for (const std::string& more :
         {std::string("-display"), std::string("none"), std::string("-nodefaults"),
          std::string("-qmp"), "unix:" + path() + ",server=on,wait=off"}) {
      arguments.push_back(more);
    }
    std::vector<char*> argv;
    for (std::string& one : arguments) argv.push_back(one.data());
    argv.push_back(nullptr);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      ::execvp(argv[0], argv.data());
      ::_exit(127);
    }
  }
  Qemu(const Qemu&) = delete;
  Qemu& operator=(const Qemu&) = delete;
  ~Qemu() {
    kill();
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

  void kill() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }
  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] std::string path() const { return folder_ + "/qmp"; }
  [[nodiscard]] std::string file(const std::string& name) const { return folder_ + "/" + name; }

 private:
  std::string folder_;
  pid_t pid_ = 0;
};

class RealQemu : public ::testing::Test {
 protected:
  /// Connects by `call` as soon as QEMU listens.
  template <class Call>
  auto once_it_listens(Call call) {
    const TimePoint deadline = clock.now() + kEnough;
    auto connected = call();
    while (!connected && connected.error().code == ErrorCode::kNotFound && clock.now() < deadline) {
      clock.wait_until(clock.now() + Seconds(0.02), {});
      connected = call();
    }
    if (!connected) throw std::runtime_error(connected.error().message);
    return std::move(*connected);
  }
  std::unique_ptr<QmpHypervisor> connect(const Qemu& qemu) {
    return once_it_listens([&] {
      return QmpHypervisor::connect(qemu.path(), clock, {kEnough, kEnough});
    });
  }
  /// Events up to the first of that kind.
  HypervisorEvent await(QmpHypervisor& vm, HypervisorEvent::Kind kind) {
    while (true) {
      auto event = vm.next_event(clock.now() + kEnough);
      if (!event || !*event) throw std::runtime_error("the event never came");
      if ((*event)->kind == kind) return **event;
    }
  }
  MigrationStatus await_end(QmpHypervisor& vm) {
    while (true) {
      const auto event = await(vm, HypervisorEvent::Kind::kMigration);
      if (is_final(event.phase)) return vm.migration_status().value();
    }
  }

  RealClock clock;
};

const std::vector<std::string> kSmallVm{"-machine",
                                        "pc",
                                        "-accel",
                                        "tcg",
                                        "-S",
                                        "-m",
                                        "64",
                                        "-smp",
                                        "2",
                                        "-name",
                                        "small",
                                        "-device",
                                        "virtio-balloon-pci,id=balloon"};

TEST_F(RealQemu, DescribesItselfAndItsMemory) {
  const Qemu qemu(kSmallVm);
  const auto vm = connect(qemu);
  const VmDescription about = vm->describe().value();
  EXPECT_EQ(about.name, "small");
  EXPECT_EQ(about.accelerator, "tcg");
  EXPECT_THAT(about.machine, HasSubstr("pc-i440fx-"));
  EXPECT_THAT(about.cpu_model, HasSubstr("qemu64"));
  EXPECT_EQ(about.vcpus, 2);
  EXPECT_EQ(about.ram, 64_MiB);
  EXPECT_EQ(about.state, RunState::kPrelaunch);
  EXPECT_EQ(about.pid, qemu.pid());
  EXPECT_THAT(about.devices, Contains(HasSubstr("1af4:1002")));
  EXPECT_THAT(about.can, Contains(Capability::kMultifd));
  const RamLayout layout = vm->ram_layout().value();
  EXPECT_EQ(layout.pid, qemu.pid());
  EXPECT_THAT(layout.blocks, Contains(::testing::Field(&RamBlock::name, "pc.ram")));
}

TEST_F(RealQemu, ItsMemoryIsAsLargeAsMigrationSays) {
  const Qemu qemu(kSmallVm);
  const auto vm = connect(qemu);
  const Bytes found = total_size(vm->ram_layout().value());
  ASSERT_TRUE(vm->set_capabilities({Capability::kEvents}, {}));
  ASSERT_TRUE(vm->migrate("exec:cat >/dev/null"));
  const MigrationStatus status = await_end(*vm);
  EXPECT_EQ(status.phase, MigrationPhase::kCompleted);
  EXPECT_EQ(status.total, found);
}

TEST_F(RealQemu, MigratesToAnother) {
  const Qemu from(kSmallVm);
  std::vector<std::string> waiting = kSmallVm;
  waiting.insert(waiting.end(), {"-incoming", "defer"});
  const Qemu to(waiting);
  const auto source = connect(from);
  const auto destination = connect(to);
  EXPECT_EQ(destination->run_state().value(), RunState::kInmigrate);
  EXPECT_EQ(source->describe().value().devices, destination->describe().value().devices);
  for (const auto* side : {&source, &destination}) {
    ASSERT_TRUE((*side)->set_capabilities({Capability::kEvents}, {}));
    EXPECT_THAT((*side)->capabilities().value(), Contains(Capability::kEvents));
  }
  MigrationParameters parameters;
  parameters.max_bandwidth = 100_MB_per_s;
  parameters.downtime_limit = Milliseconds(100);
  ASSERT_TRUE(source->set_parameters(parameters));
  EXPECT_EQ(source->parameters().value().downtime_limit, parameters.downtime_limit);
  ASSERT_TRUE(destination->listen("unix:" + to.file("stream")));
  ASSERT_TRUE(source->migrate("unix:" + to.file("stream")));
  EXPECT_EQ(await_end(*source).phase, MigrationPhase::kCompleted);
  EXPECT_EQ(await_end(*destination).phase, MigrationPhase::kCompleted);
}

TEST_F(RealQemu, SaysWhenItStopsAndResumes) {
  const Qemu qemu(kSmallVm);
  const auto vm = connect(qemu);
  ASSERT_TRUE(vm->resume());
  const auto resumed = await(*vm, HypervisorEvent::Kind::kResume);
  ASSERT_TRUE(vm->pause());
  const auto stopped = await(*vm, HypervisorEvent::Kind::kStop);
  EXPECT_GE(stopped.wall_us, resumed.wall_us);
  EXPECT_EQ(vm->run_state().value(), RunState::kPaused);
}

TEST_F(RealQemu, RefusesWithItsReason) {
  const Qemu qemu(kSmallVm);
  const auto vm = connect(qemu);
  const auto refused = vm->start_postcopy();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kRefused);
  MigrationParameters absurd;
  absurd.multifd_channels = 0;
  EXPECT_THAT(vm->set_parameters(absurd).error().message, HasSubstr("multifd"));
}

TEST_F(RealQemu, ServesOneClientAtATime) {
  const Qemu qemu(kSmallVm);
  const auto first = connect(qemu);
  const auto second = QmpHypervisor::connect(qemu.path(), clock, {Seconds(0.1), kEnough});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kBusy);
}

TEST_F(RealQemu, TakesAFileDescriptor) {
  const Qemu qemu({"-machine", "none"});
  auto client = once_it_listens(
      [&] { return QmpClient::connect(qemu.path(), clock, clock.now() + kEnough); });
  const UniqueFd file(::open("/dev/null", O_RDWR | O_CLOEXEC));
  const TimePoint deadline = clock.now() + kEnough;
  const Json name{{"fdname", "godwit"}};
  const auto taken = client.execute_with_fd("getfd", name, file.get(), deadline);
  EXPECT_TRUE(taken) << taken.error().message;
  EXPECT_TRUE(client.execute("closefd", name, deadline));
  EXPECT_EQ(client.execute("getfd", name, deadline).error().code, ErrorCode::kRefused);
}

TEST_F(RealQemu, AMachineWithoutCpusIsStillDescribed) {
  const Qemu qemu({"-machine", "none"});
  const VmDescription about = connect(qemu)->describe().value();
  EXPECT_EQ(about.machine, "none");
  EXPECT_EQ(about.vcpus, 0);
  EXPECT_EQ(about.ram, Bytes(0));
}

TEST_F(RealQemu, ItsDeathIsNoticedAtOnce) {
  Qemu qemu(kSmallVm);
  const auto vm = connect(qemu);
  qemu.kill();
  EXPECT_EQ(vm->next_event(clock.now() + kEnough).error().code, ErrorCode::kPeerGone);
  EXPECT_EQ(vm->run_state().error().code, ErrorCode::kPeerGone);
}

TEST_F(RealQemu, QuitsWhenTold) {
  const Qemu qemu(kSmallVm);
  const auto vm = connect(qemu);
  ASSERT_TRUE(vm->quit());
  EXPECT_EQ(await(*vm, HypervisorEvent::Kind::kShutdown).name, "SHUTDOWN");
  EXPECT_EQ(vm->next_event(clock.now() + kEnough).error().code, ErrorCode::kPeerGone);
}

}  // namespace
}  // namespace godwit::qmp
