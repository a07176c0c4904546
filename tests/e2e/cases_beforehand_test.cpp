// What QEMU finds too late is found before anything is touched.

#include <unistd.h>

#include "cases.h"

namespace godwit::e2e {
namespace {

class Beforehand : public Cases {};

struct Difference {
  const char* name;
  std::vector<std::string> source;
  std::vector<std::string> destination;
  const char* word;
};
void PrintTo(const Difference& one, std::ostream* out) {
  *out << one.name;
}

class OneDifference : public Cases, public testing::WithParamInterface<Difference> {};

TEST_P(OneDifference, IsNamedAndNothingIsTouched) {
  PairSetup setup;
  setup.guest = false;
  setup.source = GetParam().source;
  setup.destination = GetParam().destination;
  start(setup);
  expect_refused(run_godwit(migrate({"--technique", "precopy"})), GetParam().word);
  EXPECT_EQ(pair().state(Side::kSource), "running");
  expect_never_two();
}

INSTANTIATE_TEST_SUITE_P(
    Of, OneDifference,
    testing::Values(
        Difference{"CpuFeature", {"-cpu", "max"}, {"-cpu", "max,-smap"}, "smap"},
        Difference{
            "CpuFeatureOfANamedModel", {"-cpu", "Nehalem,+movbe"}, {"-cpu", "Nehalem"}, "movbe"},
        Difference{
            "CpuFeatureOfNoCpuidWord", {"-cpu", "Nehalem,pmu=on"}, {"-cpu", "Nehalem"}, "pmu"},
        Difference{"CpuOfAnotherModel", {"-cpu", "Westmere"}, {"-cpu", "Nehalem,model=44"}, "aes"},
        Difference{"RamBlock",
                   {"-object", "memory-backend-ram,id=ram0,size=192M", "-M", "memory-backend=ram0"},
                   {},
                   "ram0"},
        Difference{"Hpet", {"-M", "hpet=on"}, {}, "hpet"},
        Difference{"SerialPort", {"-serial", "null"}, {}, "serial"},
        Difference{"MostMemory", {}, {"-m", "192M,slots=2,maxmem=1G"}, "mem"},
        Difference{"MostCpus", {"-smp", "1,maxcpus=4"}, {}, "cpus"},
        Difference{
            "VirtioFeature",
            {"-netdev", "user,id=n1", "-device", "virtio-net-pci,netdev=n1,romfile="},
            {"-netdev", "user,id=n1", "-device", "virtio-net-pci,netdev=n1,romfile=,mrg_rxbuf=off"},
            "mrg_rxbuf"},
        Difference{"TlsOnOneSide", {"-global", "migration.tls-creds=none0"}, {}, "tls"}),
    [](const auto& one) { return std::string(one.param.name); });

TEST_F(Beforehand, ADeviceThatCannotMove) {
  PairSetup setup;
  setup.both = {"-drive", "if=none,id=n,format=raw,file=" + make_file("nvme.img", 8 << 20),
                "-device", "nvme,drive=n,serial=one"};
  start(setup);
  expect_refused(run_godwit(migrate()), "nvme");
  expect_runs_only(Side::kSource);
}

TEST_F(Beforehand, ABackupThatRuns) {
  PairSetup setup;
  setup.both = drive(make_file("shared.img", 32 << 20, "content"), ",id=disk0");
  start(setup);
  (void)pair().ask(Side::kSource, "drive-backup",
                   Json{{"device", "disk0"},
                        {"job-id", "nightly"},
                        {"target", file("backup.img")},
                        {"format", "raw"},
                        {"sync", "full"},
                        {"speed", 65536}});
  const Finished run = run_godwit(migrate({"--technique", "precopy"}));
  EXPECT_EQ(run.status, 2) << run.out << run.err;
  EXPECT_SAYS(run, "nightly");
  expect_destination_untouched();
  EXPECT_EQ(pair().ask(Side::kSource, "query-block-jobs").size(), 1U) << "it goes on";
  expect_runs_only(Side::kSource);
}

/// All of libvirt's q35 guests: nothing behind a bridge is in query-pci before firmware ran.
TEST_F(Beforehand, ADeviceBehindARootPortIsNoDifference) {
  PairSetup setup;
  setup.machine = "q35,hpet=off";
  setup.both = {"-device", "pcie-root-port,id=rp1,chassis=1,slot=1",   "-netdev", "user,id=n1",
                "-device", "virtio-net-pci,netdev=n1,bus=rp1,romfile="};
  start(setup);
  expect_completed(run_godwit(migrate({"--technique", "precopy"})));
}

TEST_F(Beforehand, ADeviceBehindAPciBridgeIsNoDifference) {
  PairSetup setup;
  setup.both = {"-device", "pci-bridge,id=br1,chassis_nr=1",
                "-netdev", "user,id=n1",
                "-device", "virtio-net-pci,netdev=n1,bus=br1,addr=3,romfile="};
  start(setup);
  expect_completed(run_godwit(migrate({"--technique", "precopy"})));
}

/// A model is a name for features.
TEST_F(Beforehand, AnotherNameOfTheSameCpuIsNoDifference) {
  PairSetup setup;
  setup.source = {"-cpu", "Nehalem-v1"};
  start(setup);
  const Finished run = run_godwit(migrate({"--technique", "precopy"}));
  expect_completed(run);
  EXPECT_SAYS(run, "the CPU model differs by name");
}

TEST_F(Beforehand, AVcpuThatWasPluggedInIsNoDifference) {
  PairSetup setup;
  setup.source = {"-smp", "1,maxcpus=2"};
  setup.destination = {"-smp", "2,maxcpus=2"};
  start(setup);
  (void)pair().ask(Side::kSource, "device_add",
                   Json{{"driver", "Nehalem-x86_64-cpu"},
                        {"id", "more"},
                        {"socket-id", 0},
                        {"core-id", 1},
                        {"thread-id", 0}});
  expect_completed(run_godwit(migrate({"--technique", "precopy"})));
}

TEST_F(Beforehand, RoomForTheDisksBesideTheStream) {
  PairSetup setup;
  setup.source = drive(make_file("src.img", 8 << 20, "source"));
  setup.destination = drive(make_file("dst.img", 8 << 20));
  start(setup);
  std::string path = pair().file("");
  path.resize(105, 's');
  for (const std::string& stream : {"unix:" + path, std::string("tcp:127.0.0.1:65535")}) {
    const Finished run = run_godwit(migrate_to(stream, {"--technique", "precopy+storage"}));
    expect_refused(run, "no room for the disks");
  }
  path.resize(150, 's');
  expect_refused(run_godwit(migrate_to("unix:" + path, {"--technique", "precopy"})), "150 bytes");
}

/// Options that would mean nothing.
TEST_F(Beforehand, WithoutAProfileNothingIsPromisedOfOne) {
  start();
  for (const std::vector<std::string>& wish : {std::vector<std::string>{"--for", "2s"},
                                               {"--max-slowdown", "10%"},
                                               {"--max-bytes", "1GB"},
                                               {"--prefer", "time"}}) {
    std::vector<std::string> words{"--technique", "precopy", "--no-profile"};
    words.insert(words.end(), wish.begin(), wish.end());
    expect_refused(run_godwit(migrate(words)), wish.front());
  }
}

TEST_F(Beforehand, AnotherDeviceBehindARootPortIsOne) {
  PairSetup setup;
  setup.machine = "q35,hpet=off";
  setup.both = {"-device", "pcie-root-port,id=rp1,chassis=1,slot=1", "-netdev", "user,id=n1"};
  setup.source = {"-device", "virtio-net-pci,netdev=n1,bus=rp1,romfile="};
  setup.destination = {"-device", "e1000e,netdev=n1,bus=rp1,romfile="};
  start(setup);
  expect_refused(run_godwit(migrate({"--technique", "precopy"})), "e1000e");
}

/// A destination of another user who may not use userfaultfd.
class NoPostcopyThere : public Cases {
 protected:
  void SetUp() override {
    Cases::SetUp();
    if (::geteuid() != 0) GTEST_SKIP() << "only root can start another user's QEMU";
  }
  static PairSetup setup() {
    PairSetup setup;
    setup.destination_user = 65534;
    setup.both = {"-m", "256M"};
    setup.load = "memory-write,set=96MiB,rate=80MB/s";  // too much for pre-copy over 30 MB/s
    return setup;
  }
};

TEST_F(NoPostcopyThere, AutoTakesTheNextBestOrNamesTheWaysOut) {
  start(setup());
  const Finished run =
      run_godwit(migrate({"--link", "30MB/s", "--max-time", "20s", "--prefer", "time"}));
  if (run.status == 2) {
    EXPECT_EQ(run.json().at("error").at("code"), "impossible") << run.out << run.err;
    EXPECT_SAYS(run, "userfaultfd");
    expect_destination_untouched();
    expect_runs_only(Side::kSource);
    return;
  }
  EXPECT_THAT(outcome_of(run).at("technique"), testing::Not(testing::AnyOf("postcopy", "hybrid")))
      << run.out << run.err;
  expect_runs_only(run.status == 0 ? Side::kDestination : Side::kSource);
}

TEST_F(NoPostcopyThere, AskedForByNameItIsRefused) {
  start(setup());
  const Finished run = run_godwit(migrate({"--technique", "postcopy"}));
  EXPECT_THAT(run.status, testing::AnyOf(2, 3)) << run.out << run.err;
  EXPECT_SAYS(run, "userfaultfd");
  expect_destination_untouched();
  expect_as_before(Side::kSource);
  expect_runs_only(Side::kSource);
}

}  // namespace
}  // namespace godwit::e2e
