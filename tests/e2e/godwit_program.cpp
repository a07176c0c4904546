#include "godwit_program.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <utility>

#include "patience.h"
#include "source_tree.h"

extern char** environ;

namespace godwit::e2e {
namespace {

namespace fs = std::filesystem;

/// Drains both pipes until both are closed, or for so long nothing comes; -1: however long.
void read_both(int out, int err, int patience_ms, Finished& finished) {
  std::array<pollfd, 2> ends{pollfd{out, POLLIN, 0}, pollfd{err, POLLIN, 0}};
  std::array<std::string*, 2> into{&finished.out, &finished.err};
  int open = 2;
  while (open > 0 && ::poll(ends.data(), ends.size(), patience_ms) > 0) {
    for (std::size_t i = 0; i < ends.size(); ++i) {
      if (ends[i].fd < 0 || ends[i].revents == 0) continue;
      std::array<char, 65536> buffer{};
      const ssize_t got = ::read(ends[i].fd, buffer.data(), buffer.size());
      if (got > 0) {
        into[i]->append(buffer.data(), static_cast<std::size_t>(got));
      } else {
        ends[i].fd = -1;
        --open;
      }
    }
  }
}

std::string read_all(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace

GodwitProgram::GodwitProgram(const std::vector<std::string>& arguments) {
  std::array<int, 2> out{};
  std::array<int, 2> err{};
  if (::pipe2(out.data(), O_CLOEXEC) != 0 || ::pipe2(err.data(), O_CLOEXEC) != 0) {
    throw std::runtime_error("no pipe");
  }
  std::vector<std::string> words{built_godwit()};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_adddup2(&actions, out[1], 1);
  ::posix_spawn_file_actions_adddup2(&actions, err[1], 2);
  // Whatever started the test: Godwit leaves ignored what is ignored.
  posix_spawnattr_t attributes;
  ::posix_spawnattr_init(&attributes);
  sigset_t taken;
  ::sigemptyset(&taken);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) ::sigaddset(&taken, signal);
  ::posix_spawnattr_setsigdefault(&attributes, &taken);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
  const int failed =
      ::posix_spawn(&pid_, argv.front(), &actions, &attributes, argv.data(), environ);
  ::posix_spawnattr_destroy(&attributes);
  ::posix_spawn_file_actions_destroy(&actions);
  ::close(out[1]);
  ::close(err[1]);
  out_ = out[0];
  err_ = err[0];
  if (failed != 0) throw std::runtime_error("cannot start " + words.front());
}

GodwitProgram::~GodwitProgram() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  ::close(out_);
  ::close(err_);
}

void GodwitProgram::signal(int number) const {
  ::kill(pid_, number);
}

/// It does not end before what it says is read: a pipe holds 64 KiB.
bool GodwitProgram::ended() {
  read_both(out_, err_, 0, said_);
  siginfo_t seen{};
  const auto id = static_cast<id_t>(pid_);
  return ::waitid(P_PID, id, &seen, WEXITED | WNOHANG | WNOWAIT) != 0 || seen.si_pid != 0;
}

void GodwitProgram::await_said(std::string_view words) {
  RealClock clock;
  const auto said = [&] { return said_.out.find(words) != std::string::npos; };
  if (comes(clock, [&] { return ended() || said(); }) && said()) return;
  throw std::runtime_error(fmt::format("godwit never said {}: {}{}", words, said_.out, said_.err));
}

Finished GodwitProgram::wait() {
  Finished finished = std::move(said_);
  read_both(out_, err_, -1, finished);
  int status = 0;
  ::waitpid(pid_, &status, 0);
  pid_ = -1;
  finished.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return finished;
}

Finished run_godwit(const std::vector<std::string>& arguments) {
  return GodwitProgram(arguments).wait();
}

std::vector<std::string> traces() {
  std::vector<std::string> found;
  for (const char* folder : {"/run/netns", "/run/godwit"}) {
    std::error_code missing;
    for (const auto& entry : fs::directory_iterator(folder, missing)) {
      found.push_back(entry.path().string());
    }
  }
  for (const auto& entry : fs::directory_iterator("/sys/class/net")) {
    found.push_back("link " + entry.path().filename().string());
  }
  for (const auto& entry : fs::directory_iterator("/proc")) {
    // a zombie has no command line: it is gone, but for its parent
    const std::string words = read_all(entry.path() / "cmdline");
    if (words.find("qemu-system") != std::string::npos &&
        words.find("/run/godwit/") != std::string::npos) {
      found.push_back("qemu " + entry.path().filename().string());
    }
    if (!words.empty() && read_all(entry.path() / "comm") == "godwit-line\n") {
      found.push_back("line " + entry.path().filename().string());
    }
  }
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace godwit::e2e
