// godwit-memory on a real QEMU of root's, run by another user: to whom it opens what, and to whom
// nothing. It gets its capabilities as the package gives them.

#include "memory_helper.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "godwit/base/clock.h"
#include "godwit/base/process.h"
#include "memory_helper_rights.h"
#include "patience.h"
#include "temporary_folder.h"

namespace godwit::guestmem {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

constexpr uid_t kNobody = 65534;
constexpr gid_t kGroup = 4711;

sockaddr_un address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  return address;
}

/// An end of a socket of that path; invalid where nobody listens yet.
UniqueFd connected_to(const std::string& path) {
  const sockaddr_un address = address_of(path);
  UniqueFd end(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const auto* const any = reinterpret_cast<const sockaddr*>(&address);
  return ::connect(end.get(), any, sizeof(address)) == 0 ? std::move(end) : UniqueFd();
}

UniqueFd listening_at(const std::string& path) {
  const sockaddr_un address = address_of(path);
  UniqueFd end(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const auto* const any = reinterpret_cast<const sockaddr*>(&address);
  if (::bind(end.get(), any, sizeof(address)) != 0 || ::listen(end.get(), 1) != 0) {
    throw std::runtime_error("cannot listen");
  }
  return end;
}

/// As the package does: for its group alone, with two capabilities.
void install(const std::string& program) {
  fs::copy_file(GODWIT_MEMORY, program);
  if (::chown(program.c_str(), 0, kGroup) != 0 || ::chmod(program.c_str(), 0750) != 0 ||
      !give_memory_helper_rights(program)) {
    throw std::runtime_error("cannot install " + program);
  }
}

/// What a process of its own says in the end.
std::string said_by(const std::function<std::string()>& body) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw std::runtime_error("pipe");
  const pid_t pid = ::fork();
  if (pid == 0) {
    const std::string said = body();
    ::_exit(::write(ends[1], said.data(), said.size()) < 0 ? 1 : 0);
  }
  ::close(ends[1]);
  const UniqueFd out(ends[0]);
  std::string said;
  std::array<char, 512> piece{};
  for (ssize_t got = 1; got > 0;) {
    got = ::read(out.get(), piece.data(), piece.size());
    if (got > 0) said.append(piece.data(), static_cast<std::size_t>(got));
  }
  ::waitpid(pid, nullptr, 0);
  return said;
}

/// Of root's, stopped, with a socket for QMP and another for its serial port, open to everybody.
class MemoryHelper : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "not root: nobody can give a capability";
    const auto qemu = program_path("qemu-system-x86_64");
    if (!qemu) GTEST_SKIP() << "there is no QEMU";
    ASSERT_EQ(::chmod(folder.path().c_str(), 0755), 0);
    program = folder.file("godwit-memory");
    install(program);
    start(*qemu);
  }
  void TearDown() override {
    if (pid > 0) {
      ::kill(pid, SIGKILL);
      ::waitpid(pid, nullptr, 0);
    }
  }
  void start(const std::string& qemu) {
    std::vector<std::string> words{qemu,
                                   "-accel",
                                   "tcg",
                                   "-m",
                                   "16M",
                                   "-nodefaults",
                                   "-display",
                                   "none",
                                   "-S",
                                   "-serial",
                                   "unix:" + serial() + ",server=on,wait=off",
                                   "-qmp",
                                   "unix:" + qmp() + ",server=on,wait=off"};
    std::vector<char*> argv;
    for (std::string& one : words) argv.push_back(one.data());
    argv.push_back(nullptr);
    pid = ::fork();
    if (pid == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      ::execv(argv[0], argv.data());
      ::_exit(127);
    }
    RealClock clock;
    for (const std::string& path : {qmp(), serial()}) {
      (void)comes(clock, [&] { return connected_to(path).valid(); });
      ASSERT_EQ(::chmod(path.c_str(), 0666), 0) << path;
    }
  }
  [[nodiscard]] std::string qmp() const { return folder.file("qmp"); }
  [[nodiscard]] std::string serial() const { return folder.file("serial"); }

  /// The first bytes of its program's file, as they lie in its memory ("\x7f" "ELF").
  [[nodiscard]] off_t address_of_program() const {
    std::ifstream maps("/proc/" + std::to_string(pid) + "/maps");
    std::string line;
    std::getline(maps, line);
    return static_cast<off_t>(std::stoull(line, nullptr, 16));
  }

  /// What another user gets who shows that connection: the first bytes, or why not.
  std::string asked_by_nobody(const std::function<UniqueFd()>& connect, bool member = true) {
    const off_t address = address_of_program();
    return said_by([&] {
      const gid_t group = kGroup;
      if (::setgroups(member ? 1 : 0, &group) != 0 || ::setgid(kNobody) != 0 ||
          ::setuid(kNobody) != 0) {
        return std::string("the test can't become nobody");
      }
      const UniqueFd connection = connect();
      const auto memory = memory_by_helper(program, connection.get());
      if (!memory) return memory.error().message;
      std::array<char, 4> bytes{};
      if (::pread(memory->get(), bytes.data(), bytes.size(), address) != 4) return std::string("?");
      if (::pwrite(memory->get(), bytes.data(), bytes.size(), address) >= 0) {
        return std::string("it can be written to");
      }
      return std::string(bytes.data(), bytes.size());
    });
  }

  TemporaryFolder folder;
  std::string program;
  pid_t pid = -1;
};

TEST_F(MemoryHelper, OpensTheMemoryOfAQemuToAMemberWhoTalksToItsMonitor) {
  EXPECT_EQ(asked_by_nobody([this] { return connected_to(qmp()); }),
            "\x7f"
            "ELF");
}

TEST_F(MemoryHelper, WhoIsNoMemberCanNotRunIt) {
  EXPECT_THAT(asked_by_nobody([this] { return connected_to(qmp()); }, false),
              HasSubstr("may not run godwit-memory"));
}

TEST_F(MemoryHelper, WithoutItsCapabilitiesItSaysSo) {
  ASSERT_EQ(::removexattr(program.c_str(), "security.capability"), 0);
  EXPECT_THAT(asked_by_nobody([this] { return connected_to(qmp()); }),
              HasSubstr("no capabilities"));
}

TEST_F(MemoryHelper, RefusesWhoTalksToAnotherSocketOfTheQemu) {
  EXPECT_THAT(asked_by_nobody([this] { return connected_to(serial()); }),
              HasSubstr("none of those which QEMU's command line names for QMP"));
}

TEST_F(MemoryHelper, RefusesAProcessThatIsNoQemuWhateverItsSocketIsCalled) {
  // This test's process is root's, and listens at a socket of its own.
  const std::string path = folder.file("other");
  const UniqueFd listener = listening_at(path);
  ::chmod(path.c_str(), 0666);
  EXPECT_THAT(asked_by_nobody([&] { return connected_to(path); }), HasSubstr("is no QEMU"));
}

TEST_F(MemoryHelper, RefusesASocketWhoseListenerHasEnded) {
  // Its number may be another process's by now: whoever asks may have waited for that.
  const std::string path = folder.file("left");
  std::array<int, 2> ends{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
  UniqueFd listener;
  const pid_t owner = ::fork();
  if (owner == 0) {
    listener = listening_at(path);
    ::chmod(path.c_str(), 0666);
    ::_exit(::send(ends[1], "x", 1, 0) == 1 && ::pause() == 0 ? 0 : 1);
  }
  char ready = 0;
  ASSERT_EQ(::recv(ends[0], &ready, 1, 0), 1);
  const UniqueFd connection = connected_to(path);
  ASSERT_TRUE(connection.valid());
  ::kill(owner, SIGKILL);
  ::waitpid(owner, nullptr, 0);
  EXPECT_THAT(asked_by_nobody([&] { return UniqueFd(::dup(connection.get())); }),
              HasSubstr("has ended"));
}

TEST_F(MemoryHelper, RefusesWhatIsNoConnectionToASocketWithAPath) {
  EXPECT_THAT(asked_by_nobody([] { return UniqueFd(::open("/dev/null", O_RDONLY)); }),
              HasSubstr("no connection"));
  EXPECT_THAT(asked_by_nobody([] {
                std::array<int, 2> ends{};
                if (::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()) != 0) return UniqueFd();
                return UniqueFd(ends[0]);
              }),
              HasSubstr("no connection"));
}

TEST_F(MemoryHelper, AConnectionThatQemuMadeToAnothersSocketProvesNothing) {
  // A QEMU that connects (as it does for vhost-user) is its peer, too, by the kernel's word.
  const std::string path = folder.file("theirs");
  const UniqueFd listener = listening_at(path);
  const UniqueFd monitor = connected_to(qmp());
  const std::string order =
      "{\"execute\":\"qmp_capabilities\"}\n{\"execute\":\"chardev-add\",\"arguments\":{\"id\":"
      "\"c\",\"backend\":{\"type\":\"socket\",\"data\":{\"server\":false,\"addr\":{\"type\":"
      "\"unix\",\"data\":{\"path\":\"" +
      path + "\"}}}}}}\n";
  ASSERT_EQ(::write(monitor.get(), order.data(), order.size()), static_cast<ssize_t>(order.size()));
  const UniqueFd accepted(::accept(listener.get(), nullptr, nullptr));
  ASSERT_TRUE(accepted.valid());
  EXPECT_THAT(asked_by_nobody([&] { return UniqueFd(::dup(accepted.get())); }),
              HasSubstr("no connection"));
}

TEST_F(MemoryHelper, IsNotInstalledIsSaid) {
  const auto memory = memory_by_helper(folder.file("none"), 0);
  ASSERT_FALSE(memory);
  EXPECT_EQ(memory.error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace godwit::guestmem
