// What each host has of its own: firmware's variables, CDs, one disk of two, and their encryption.

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "cases.h"

namespace godwit::e2e {
namespace {

namespace fs = std::filesystem;

constexpr const char* kMark = "a mark that nobody else makes...";  // of 32 bytes

class OwnMedia : public Cases {
 protected:
  template <class T>
  static std::vector<T> joined(std::vector<T> one, const std::vector<T>& more) {
    one.insert(one.end(), more.begin(), more.end());
    return one;
  }
  static std::vector<std::string> cd(const std::string& file) {
    return {"-drive", "if=none,id=cd0,media=cdrom,readonly=on,format=raw,file=" + file, "-device",
            "ide-cd,drive=cd0"};
  }
  static std::string content(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    std::stringstream text;
    text << in.rdbuf();
    return text.str();
  }
};

/// SeaBIOS in flash, as OVMF would be, so that no other firmware need be installed.
TEST_F(OwnMedia, FirmwaresVariablesOfEachHostTravelWithMemory) {
  const std::string code = "/usr/share/seabios/bios-256k.bin";
  ASSERT_TRUE(fs::exists(code));
  const auto flash = [&](const std::string& variables) {
    return std::vector<std::string>{"-drive",
                                    "if=pflash,unit=0,format=raw,readonly=on,file=" + code,
                                    "-drive", "if=pflash,unit=1,format=raw,file=" + variables};
  };
  PairSetup setup;
  setup.both = drive(make_file("shared.img", 8 << 20));
  setup.source = flash(make_file("src.vars", 256 << 10, "of the source "));
  setup.destination = flash(make_file("dst.vars", 256 << 10));
  start(setup);
  expect_completed(run_godwit(migrate({"--technique", "precopy"})));
}

TEST_F(OwnMedia, AnEqualCdOfEachHostPasses) {
  PairSetup setup;
  setup.both = drive(make_file("shared.img", 8 << 20));
  setup.source = cd(make_file("src.iso", 1 << 20, "the same "));
  setup.destination = cd(make_file("dst.iso", 1 << 20, "the same "));
  start(setup);
  expect_completed(run_godwit(migrate({"--technique", "precopy"})));
}

TEST_F(OwnMedia, AnotherCdIsNamed) {
  PairSetup setup;
  setup.source = cd(make_file("src.iso", 1 << 20, "one "));
  setup.destination = cd(make_file("dst.iso", 1 << 20, "other "));
  start(setup);
  expect_refused(run_godwit(migrate({"--technique", "precopy"})), "dst.iso");
}

TEST_F(OwnMedia, OnlyWhatIsNotSharedIsMirrored) {
  const std::string source = make_file("src.img", 8 << 20, kMark);
  const std::string destination = make_file("dst.img", 8 << 20);
  PairSetup setup;
  setup.between = Between::kForwarder;
  setup.both = drive(make_file("shared.img", 4 << 20, "shared "), ",id=shared0");
  setup.source = drive(source, ",id=own0");
  setup.destination = drive(destination, ",id=own0");
  start(setup);
  pair().wire().look_for(kMark);
  const Finished run = run_godwit(migrate({"--technique", "precopy+storage"}));
  expect_completed(run);
  EXPECT_EQ(outcome_of(run).at("storage").at("disks"), 1) << run.out;
  EXPECT_TRUE(pair().wire().saw_it()) << "without TLS it can be read: the next test's other half";
  EXPECT_TRUE(content(destination) == content(source));
}

/// The stream goes by places: what each host calls its disks says nothing, and here the opposite.
TEST_F(OwnMedia, DisksAreMirroredByTheirPlacesAndNotByTheirNames) {
  const std::vector<std::string> sources{make_file("src.1", 8 << 20, "one "),
                                         make_file("src.2", 8 << 20, "two ")};
  const std::vector<std::string> destinations{make_file("dst.1", 8 << 20),
                                              make_file("dst.2", 8 << 20)};
  PairSetup setup;
  setup.source = joined(drive(sources[0], ",id=a"), drive(sources[1], ",id=b"));
  setup.destination = joined(drive(destinations[0], ",id=b"), drive(destinations[1], ",id=a"));
  start(setup);
  const Finished run = run_godwit(migrate({"--technique", "precopy+storage"}));
  expect_completed(run);
  EXPECT_EQ(outcome_of(run).at("storage").at("disks"), 2) << run.out;
  for (const std::size_t i : {0U, 1U}) {
    EXPECT_TRUE(content(destinations[i]) == content(sources[i])) << i;
  }
}

/// As libvirt starts a QEMU that may open nothing itself: every disk is called /dev/fdset/1.
TEST_F(OwnMedia, FilesThatWereHandedOverAreToldApartAllTheSame) {
  const auto handed = [](const std::string& path) {
    std::vector<int> fds{::open(path.c_str(), O_RDWR), ::open(path.c_str(), O_RDONLY)};
    return fds;
  };
  const auto disk = [](const std::vector<int>& fds) {
    return std::vector<std::string>{"-add-fd", fmt::format("fd={},set=1", fds[0]),
                                    "-add-fd", fmt::format("fd={},set=1", fds[1]),
                                    "-drive",  "if=virtio,format=raw,file=/dev/fdset/1"};
  };
  const auto one = handed(make_file("one.img", 8 << 20, "one "));
  const auto two = handed(make_file("two.img", 8 << 20));
  PairSetup setup;
  setup.inherit = joined(one, two);
  setup.source = disk(one);
  setup.destination = disk(two);
  start(setup);
  expect_refused(run_godwit(migrate({"--technique", "precopy"})), "disks differ");
  // QEMU would abort, and the guest with it
  expect_refused(run_godwit(migrate({"--technique", "precopy+storage"})), "as a descriptor");
  for (const int fd : setup.inherit) ::close(fd);
}

TEST_F(OwnMedia, TheMigrationsTlsHoldsForTheDisks) {
  std::ofstream(file("keys.psk")) << "qemu:" << std::string(64, 'a') << "\n";
  const std::string creds =
      "tls-creds-psk,id=tls0,dir=" + fs::path(file("keys.psk")).parent_path().string();
  const std::string source = make_file("src.img", 8 << 20, kMark);
  const std::string destination = make_file("dst.img", 8 << 20);
  PairSetup setup;
  setup.between = Between::kForwarder;
  setup.source =
      joined<std::string>(drive(source), {"-object", creds + ",endpoint=client,username=qemu"});
  setup.destination =
      joined<std::string>(drive(destination), {"-object", creds + ",endpoint=server"});
  start(setup);
  for (const Side side : {Side::kSource, Side::kDestination}) {
    (void)pair().ask(side, "migrate-set-parameters", Json{{"tls-creds", "tls0"}});
  }
  pair().wire().look_for(kMark);
  const Finished run = run_godwit(migrate({"--technique", "precopy+storage"}));
  EXPECT_FALSE(pair().wire().saw_it()) << "the disk went in the clear";
  if (run.status == 2) {
    EXPECT_SAYS(run, "tls");
    expect_runs_only(Side::kSource);
    return;
  }
  EXPECT_EQ(run.status, 0) << run.out << run.err;
  expect_runs_only(Side::kDestination);
  EXPECT_TRUE(content(destination) == content(source));
}

}  // namespace
}  // namespace godwit::e2e
