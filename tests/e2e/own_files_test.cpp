// What each host has of its own (flash, media, disks), where streams go, and what becomes of a
// destination that could not receive. Guests here run nothing but their firmware.

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <array>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include "godwit/base/clock.h"
#include "godwit/base/unique_fd.h"
#include "godwit/qemu/qmp_hypervisor.h"
#include "godwit/qmp/qmp_client.h"
#include "godwit_program.h"
#include "patience.h"
#include "start_program.h"

namespace godwit::e2e {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using Words = std::vector<std::string>;

constexpr const char* kFirmware = "/usr/share/seabios/bios-256k.bin";

void write(const std::string& path, const std::string& content) {
  std::ofstream(path, std::ios::binary) << content;
}
std::string read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// A TCP socket on this host that is bound, and so keeps its port from everybody else.
class TakenPort {
 public:
  TakenPort() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    auto* const any = reinterpret_cast<sockaddr*>(&address);
    if (::bind(socket_.get(), any, size) != 0 || ::listen(socket_.get(), 1) != 0 ||
        ::getsockname(socket_.get(), any, &size) != 0) {
      throw std::runtime_error("no free port");
    }
    port_ = ntohs(address.sin_port);
  }
  [[nodiscard]] int port() const { return port_; }

 private:
  UniqueFd socket_;
  int port_ = 0;
};

/// Connected to a port of this host.
UniqueFd connect_to(int port) {
  UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
    throw std::runtime_error("nobody listens there");
  }
  return socket;
}

class OwnFiles : public testing::Test {
 protected:
  void TearDown() override {
    for (const pid_t pid : running_) end(pid);
  }

  [[nodiscard]] std::string file(const std::string& name) const { return folder_.file(name); }

  /// A QEMU with a monitor for godwit (NAME.qmp) and one for the test (NAME.obs).
  pid_t start(const std::string& name, const Words& more, const std::string& machine = "pc") {
    Words words{"qemu-system-x86_64",
                "-accel",
                "tcg",
                "-M",
                machine + ",hpet=off",
                "-cpu",
                "Nehalem",
                "-m",
                "64M",
                "-nodefaults",
                "-no-user-config",
                "-display",
                "none",
                "-name",
                "guest=own,debug-threads=on"};
    for (const char* end : {".qmp", ".obs"}) {
      words.insert(words.end(), {"-qmp", "unix:" + file(name + end) + ",server=on,wait=off"});
    }
    words.insert(words.end(), more.begin(), more.end());
    const pid_t pid = start_program(std::move(words), {file(name + ".log")});
    running_.push_back(pid);
    (void)look(name);
    return pid;
  }
  void start_pair(const Words& source, Words destination) {
    start("src", source);
    destination.insert(destination.end(), {"-incoming", "defer"});
    start("dst", destination);
  }

  /// The test's own monitor of a QEMU, once that is up.
  std::unique_ptr<qemu::QmpHypervisor> look(const std::string& name) {
    const TimePoint give_up = clock_.now() + kPatience;
    for (;;) {
      auto seen = qemu::QmpHypervisor::connect(file(name + ".obs"), clock_);
      if (seen) return std::move(*seen);
      if (clock_.now() > give_up) throw std::runtime_error(read(file(name + ".log")));
      (void)clock_.wait_until(clock_.now() + Seconds(0.02), {});
    }
  }
  Json order(const std::string& name, const std::string& command, const Json& arguments) {
    const TimePoint deadline = clock_.now() + kPatience;
    auto client = qmp::QmpClient::connect(file(name + ".obs"), clock_, deadline);
    auto answer = client->execute(command, arguments, deadline);
    if (!answer) throw std::runtime_error(answer.error().message);
    return *answer;
  }

  MigrationStatus await_end(qemu::QmpHypervisor& vm) {
    const TimePoint give_up = clock_.now() + kPatience;
    for (;;) {
      MigrationStatus status = vm.migration_status().value();
      if (is_final(status.phase)) return status;
      if (clock_.now() > give_up) throw std::runtime_error("that migration does not end");
      (void)clock_.wait_until(clock_.now() + Seconds(0.02), {});
    }
  }

  [[nodiscard]] Finished migrate(const std::string& stream,
                                 const std::string& technique = "precopy") const {
    return run_godwit(command(stream, technique));
  }
  [[nodiscard]] Words command(const std::string& stream, const std::string& technique) const {
    return {"migrate",
            "qmp:" + file("src.qmp"),
            "qmp:" + file("dst.qmp") + "@" + stream,
            "--json",
            "--technique",
            technique,
            "--for",
            "1s",
            "--link",
            "60MB/s",
            "--store",
            file("outcomes.db")};
  }
  static std::string tcp(int port) { return "tcp:127.0.0.1:" + std::to_string(port); }

  static void expect_moved(const Finished& run) {
    ASSERT_EQ(run.status, 0) << run.out << run.err;
    EXPECT_EQ(run.json().at("outcome").at("status"), "completed");
    EXPECT_EQ(run.json().at("outcome").at("vm_runs_on"), "destination");
  }
  static void end(pid_t pid) {
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
  }

  RealClock clock_;
  TemporaryFolder folder_;
  std::vector<pid_t> running_;
};

Words drive(const std::string& path, const std::string& more = "if=virtio") {
  return {"-drive", more + ",format=raw,file=" + path};
}
Words operator+(Words a, const Words& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

// --- Files of each host's own ---

/// UEFI keeps its variables in flash: the guest's own go with it.
TEST_F(OwnFiles, FlashAndAnEqualCdPassBesideASharedDisk) {
  if (!std::filesystem::exists(kFirmware)) GTEST_SKIP() << "no " << kFirmware;
  write(file("disk"), std::string(1 << 20, 'd'));
  write(file("src.vars"), std::string(128 << 10, 's'));
  write(file("dst.vars"), std::string(128 << 10, '\xff'));
  for (const char* cd : {"src.iso", "dst.iso"}) write(file(cd), std::string(3 << 20, 'c'));
  const auto own = [&](const std::string& side) {
    return drive(file("disk")) + drive(kFirmware, "if=pflash,unit=0,readonly=on") +
           drive(file(side + ".vars"), "if=pflash,unit=1") +
           drive(file(side + ".iso"), "if=ide,media=cdrom,readonly=on") +
           Words{"-device", "ide-cd,id=empty"};
  };
  start_pair(own("src"), own("dst"));
  const Finished needless = migrate(tcp(free_port()), "precopy+storage");
  EXPECT_EQ(needless.status, 2);
  EXPECT_THAT(needless.out, HasSubstr("leave +storage out"));
  expect_moved(migrate(tcp(free_port())));
  EXPECT_TRUE(read(file("dst.vars")) == std::string(128 << 10, 's'));
}

TEST_F(OwnFiles, FlashMadeByBlockdevPassesToo) {
  if (!std::filesystem::exists(kFirmware)) GTEST_SKIP() << "no " << kFirmware;
  const auto own = [&](const std::string& side) {
    const std::string vars = file(side + ".vars");
    write(vars, std::string(128 << 10, side.front()));
    return Words{"-blockdev",
                 "driver=raw,node-name=code,read-only=on,file.driver=file,file.filename=" +
                     std::string(kFirmware),
                 "-blockdev", "driver=raw,node-name=vars,file.driver=file,file.filename=" + vars};
  };
  const std::string machine = "pc,pflash0=code,pflash1=vars";
  start("src", own("src"), machine);
  start("dst", own("dst") + Words{"-incoming", "defer"}, machine);
  expect_moved(migrate(tcp(free_port())));
  EXPECT_TRUE(read(file("dst.vars")) == std::string(128 << 10, 's'));
}

TEST_F(OwnFiles, MediaThatDifferAreRefusedByName) {
  write(file("src.iso"), std::string(1 << 20, 'a'));
  write(file("dst.iso"), std::string(1 << 20, 'b'));
  const auto cd = [&](const std::string& iso) {
    return Words{"-drive", "if=none,id=cd0,media=cdrom,readonly=on,format=raw,file=" + file(iso),
                 "-device", "ide-cd,drive=cd0"};
  };
  start_pair(cd("src.iso"), cd("dst.iso"));
  const Finished differs = migrate(tcp(free_port()));
  EXPECT_EQ(differs.status, 2);
  EXPECT_THAT(differs.out,
              AllOf(HasSubstr("cd0"), HasSubstr("dst.iso"), Not(HasSubstr("+storage"))));
  order("dst", "eject", {{"device", "cd0"}, {"force", true}});
  const Finished one_side = migrate(tcp(free_port()));
  EXPECT_EQ(one_side.status, 2);
  EXPECT_THAT(one_side.out, AllOf(HasSubstr("cd0"), HasSubstr("empty")));
  order("src", "eject", {{"device", "cd0"}, {"force", true}});
  expect_moved(migrate(tcp(free_port())));
}

TEST_F(OwnFiles, StorageMovesWhatIsNotSharedAndNothingElse) {
  write(file("shared"), std::string(1 << 20, 'd'));
  write(file("src.own"), std::string(4 << 20, 's'));
  write(file("dst.own"), std::string(4 << 20, '\0'));
  start_pair(drive(file("shared")) + drive(file("src.own")),
             drive(file("shared")) + drive(file("dst.own")));
  const Finished without = migrate(tcp(free_port()));
  EXPECT_EQ(without.status, 2);
  EXPECT_THAT(without.out,
              AllOf(HasSubstr("src.own"), HasSubstr("+storage"), Not(HasSubstr("/shared"))));
  const Finished moved = migrate(tcp(free_port()), "precopy+storage");
  expect_moved(moved);
  EXPECT_EQ(moved.json().at("outcome").at("storage").at("disks"), 1);
  EXPECT_TRUE(read(file("dst.own")) == read(file("src.own")));
}

// --- TLS ---

/// What an NBD server answers to one who asks for its exports in the clear.
std::uint32_t answer_to_plain_client(int port) {
  const UniqueFd server = connect_to(port);
  std::array<unsigned char, 18> greeting{};  // NBDMAGIC, IHAVEOPT, flags
  if (::recv(server.get(), greeting.data(), greeting.size(), MSG_WAITALL) != 18) return 0;
  const std::array<unsigned char, 20> question{0,   0,   0,   3,                        // flags
                                               'I', 'H', 'A', 'V', 'E', 'O', 'P', 'T',  //
                                               0,   0,   0,   3,   0,   0,   0,   0};   // LIST
  (void)::send(server.get(), question.data(), question.size(), MSG_NOSIGNAL);
  std::array<unsigned char, 20> reply{};  // magic, option, type, length
  if (::recv(server.get(), reply.data(), reply.size(), MSG_WAITALL) != 20) return 0;
  return (std::uint32_t{reply[12]} << 24U) | (std::uint32_t{reply[13]} << 16U) |
         (std::uint32_t{reply[14]} << 8U) | std::uint32_t{reply[15]};
}
constexpr std::uint32_t kTlsRequired = 0x80000005;  // NBD_REP_ERR_TLS_REQD

Words tls(const std::string& folder, const std::string& endpoint) {
  const std::string who = endpoint == "client" ? ",username=vm" : "";
  return {"-object", "tls-creds-psk,id=tls0,endpoint=" + endpoint + who + ",dir=" + folder};
}

class OwnFilesTls : public OwnFiles {
 protected:
  void SetUp() override {
    std::filesystem::create_directory(file("keys"));
    write(file("keys/keys.psk"), "vm:0123456789abcdef0123456789abcdef\n");
    write(file("src.own"), std::string(4 << 20, 's'));
    write(file("dst.own"), std::string(4 << 20, '\0'));
    start_pair(drive(file("src.own")) + tls(file("keys"), "client"),
               drive(file("dst.own")) + tls(file("keys"), "server"));
    encrypt("dst");
  }
  void encrypt(const std::string& side) {
    order(side, "migrate-set-parameters", {{"tls-creds", "tls0"}});
  }
};

TEST_F(OwnFilesTls, DisksAreEncryptedAsMemoryIs) {
  encrypt("src");
  const Finished moved = migrate(tcp(free_port()), "precopy+storage");
  expect_moved(moved);
  EXPECT_TRUE(read(file("dst.own")) == read(file("src.own")));
}

TEST_F(OwnFilesTls, NobodyGetsADiskInTheClear) {
  const auto destination = look("dst");
  const std::string device = destination->describe()->disks.front().device;
  const auto offer = destination->serve_storage(tcp(free_port()), {device});
  ASSERT_TRUE(offer) << offer.error().message;
  EXPECT_TRUE(offer->encrypted);
  EXPECT_EQ(answer_to_plain_client(offer->port), kTlsRequired);
  const auto source = look("src");  // its migration is not encrypted yet
  EXPECT_EQ(source->mirror_storage(*offer, {}).error().code, ErrorCode::kBadInput);
  EXPECT_EQ(source->storage_status()->mirrors, 0);
  EXPECT_TRUE(destination->drop_storage());
}

// --- Addresses, and a destination that is used again ---

TEST_F(OwnFiles, APortThatIsTakenDoesNotBurnTheDestination) {
  start_pair({}, {});
  const TakenPort taken;
  const Finished refused = migrate(tcp(taken.port()));
  EXPECT_EQ(refused.status, 2) << refused.out;
  EXPECT_THAT(refused.out, AllOf(HasSubstr("already in use"), HasSubstr("can be used again")));
  EXPECT_EQ(look("dst")->can_receive(), Receiving::kReady);
  expect_moved(migrate(tcp(free_port())));
}

TEST_F(OwnFiles, AnAddressThatIsNoneIsRefusedBeforeTheDestinationIsTouched) {
  start_pair({}, {});
  for (const char* wrong : {"tcp:0.0.0.0:4455", "tcp:::1:4455", "tcp::4455", "tcp:127.0.0.1:0"}) {
    const Finished refused = migrate(wrong);
    EXPECT_EQ(refused.status, 2) << wrong;
    EXPECT_THAT(refused.out, HasSubstr("write it as")) << wrong;
  }
  EXPECT_EQ(look("dst")->can_receive(), Receiving::kReady);
}

TEST_F(OwnFiles, ListenAndConnectAddressMayDiffer) {
  write(file("src.own"), std::string(2 << 20, 's'));
  write(file("dst.own"), std::string(2 << 20, '\0'));
  start_pair(drive(file("src.own")), drive(file("dst.own")));
  const std::string port = std::to_string(free_port());
  expect_moved(migrate("tcp:0.0.0.0:" + port + ",connect=127.0.0.1:" + port, "precopy+storage"));
  EXPECT_TRUE(read(file("dst.own")) == read(file("src.own")));
}

TEST_F(OwnFiles, MemoryAndDisksGoThroughUnixSockets) {
  write(file("src.own"), std::string(2 << 20, 's'));
  write(file("dst.own"), std::string(2 << 20, '\0'));
  start_pair(drive(file("src.own")), drive(file("dst.own")));
  expect_moved(migrate("unix:" + file("stream"), "precopy+storage"));
  EXPECT_TRUE(read(file("dst.own")) == read(file("src.own")));
}

TEST_F(OwnFiles, ADestinationThatListensAlreadyIsUsed) {
  const int port = free_port();
  start("src", {});
  start("dst", {"-incoming", tcp(port)});
  const auto destination = look("dst");
  EXPECT_EQ(destination->can_receive(), Receiving::kListens);
  EXPECT_THAT(destination->listen(tcp(port + 1)).error().message, HasSubstr(tcp(port)));
  expect_moved(migrate(tcp(port)));
}

TEST_F(OwnFiles, ADestinationOfWhichNothingCameIsUsedAgain) {
  start_pair({}, {});
  const auto source = look("src");
  const auto destination = look("dst");
  const int port = free_port();
  ASSERT_TRUE(destination->listen(tcp(port)));
  ASSERT_TRUE(source->migrate(tcp(free_port())));  // where nobody listens
  const MigrationStatus status = await_end(*source);
  EXPECT_THAT(status.error, HasSubstr("Connection refused"));
  EXPECT_EQ(destination->can_receive(), Receiving::kListens);
  expect_moved(migrate(tcp(port)));
}

TEST_F(OwnFiles, ADestinationWhoseStreamBrokeLivesOnAndSaysThatItIsSpent) {
  const pid_t pid = start("dst", {"-incoming", "defer"});
  const auto destination = look("dst");
  const int port = free_port();
  ASSERT_TRUE(destination->listen(tcp(port)));
  { const UniqueFd stranger = connect_to(port); }
  const MigrationStatus status = await_end(*destination);
  EXPECT_EQ(status.phase, MigrationPhase::kFailed);
  EXPECT_THAT(status.error, HasSubstr("load of migration failed"));
  EXPECT_EQ(destination->can_receive(), Receiving::kSpent);
  EXPECT_EQ(::waitpid(pid, nullptr, WNOHANG), 0) << "it lives";
  EXPECT_THAT(destination->listen(tcp(port)).error().what_to_do, HasSubstr("anew"));
}

}  // namespace
}  // namespace godwit::e2e
