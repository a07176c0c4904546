// The adapter against the QEMU of this machine. No guest is needed: firmware is VM enough.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "real_qemu.h"

namespace godwit::qemu {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

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
  EXPECT_EQ(source->inspect().value(), destination->inspect().value());
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
      [&] { return qmp::QmpClient::connect(qemu.path(), clock, clock.now() + kEnough); });
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
}  // namespace godwit::qemu
