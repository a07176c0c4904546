#include "godwit/base/process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <utility>

#include "godwit/base/proc_stat.h"
#include "godwit/base/stop_fd.h"

namespace godwit {
namespace {

/// Taken in at one go; then the deadline is looked at, whatever more there is to read.
constexpr std::size_t kMostAtOnce = std::size_t{1} << 20;
/// poll() takes milliseconds as an int; a later deadline is waited for in several goes.
constexpr double kLongestPollMs = 3'600'000;

struct Pipe {
  UniqueFd read_end;
  UniqueFd write_end;
};
/// Only our end never blocks: to a child that would look like a full disk.
Result<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return fail(errno_error("making a pipe", errno));
  Pipe made{UniqueFd(ends[0]), UniqueFd(ends[1])};
  if (fcntl(ends[0], F_SETFL, O_NONBLOCK) != 0) return fail(errno_error("making a pipe", errno));
  return made;
}

Result<pid_t> spawn(const ProcessSpec& spec, int out, int err) {
  std::vector<char*> argv;
  for (const std::string& argument : spec.arguments) {
    argv.push_back(const_cast<char*>(argument.c_str()));  // NOLINT: posix_spawn's signature
  }
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, out, 1);
  posix_spawn_file_actions_adddup2(&actions, err, 2);
  // dup2 onto itself clears close-on-exec
  if (spec.keep_open >= 0) {
    posix_spawn_file_actions_adddup2(&actions, spec.keep_open, spec.keep_open);
  }
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  // Ctrl-C is for godwit, which then ends things in order; the child neither gets nor ignores it.
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);
  // We ignore these (cli/app.cpp); a program would find that they are, and a shell can't undo it.
  sigset_t ignored;
  sigemptyset(&ignored);
  for (const int signal : {SIGPIPE, SIGXFSZ}) sigaddset(&ignored, signal);
  posix_spawnattr_setsigdefault(&attributes, &ignored);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes,
                           POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  pid_t pid = 0;
  const int failed =
      posix_spawn(&pid, spec.program.c_str(), &actions, &attributes, argv.data(), environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) return fail(errno_error(fmt::format("starting {}", spec.program), failed));
  return pid;
}

/// Takes what is there, keeping the newest; closes our end at the end of the stream.
void drain(UniqueFd& end, std::string& into, std::size_t most_kept) {
  std::array<char, 65536> buffer{};
  for (std::size_t taken = 0; end.valid() && taken < kMostAtOnce;) {
    const ssize_t got = read(end.get(), buffer.data(), buffer.size());
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) {
      end.reset();
      return;
    }
    into.append(buffer.data(), static_cast<std::size_t>(got));
    taken += static_cast<std::size_t>(got);
    if (into.size() > most_kept) into.erase(0, into.size() - most_kept);
  }
}

}  // namespace

std::optional<std::string> program_path(const std::string& name) {
  if (name.find('/') != std::string::npos) {
    return access(name.c_str(), X_OK) == 0 ? std::optional(name) : std::nullopt;
  }
  const char* path = std::getenv("PATH");
  const std::string folders = fmt::format("{}:/usr/sbin:/usr/bin:/sbin:/bin:", path ? path : "");
  for (std::size_t start = 0; start < folders.size();) {
    const std::size_t end = folders.find(':', start);
    const std::string candidate = fmt::format("{}/{}", folders.substr(start, end - start), name);
    if (candidate.front() == '/' && end > start && access(candidate.c_str(), X_OK) == 0) {
      return candidate;
    }
    start = end + 1;
  }
  return std::nullopt;
}

/// Field 22 of /proc/PID/stat; the second is in parentheses and may hold anything.
std::int64_t process_start(std::int64_t pid) {
  std::ifstream file(fmt::format("/proc/{}/stat", pid));
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  return start_in_stat(text).value_or(0);
}

std::uint64_t process_namespace() {
  struct stat space {};
  return ::stat("/proc/self/ns/pid", &space) == 0 ? space.st_ino : 0;
}

std::string process_world() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string boot;
  std::getline(file, boot);
  return fmt::format("{} pid:[{}]", boot, process_namespace());
}

bool same_boot(std::string_view world, std::string_view other) {
  return world.substr(0, world.find(' ')) == other.substr(0, other.find(' '));
}

std::string last_line(std::string_view text) {
  const std::size_t end = text.find_last_not_of(" \r\n");
  if (end == std::string_view::npos) return {};
  text = text.substr(0, end + 1);
  const std::size_t start = text.find_last_of('\n');
  return std::string(start == std::string_view::npos ? text : text.substr(start + 1));
}

Result<Process> Process::start(const ProcessSpec& spec) {
  GODWIT_TRY(Pipe out, make_pipe());
  GODWIT_TRY(Pipe err, make_pipe());
  GODWIT_TRY(const pid_t pid, spawn(spec, out.write_end.get(), err.write_end.get()));
  Process process(pid, std::move(out.read_end), std::move(err.read_end), spec.most_kept);
  if (!process.pidfd_.valid()) return fail(errno_error("watching " + spec.program, errno));
  return process;
}

Process::Process(pid_t pid, UniqueFd out, UniqueFd err, std::size_t most_kept)
    : pid_(pid),
      most_kept_(most_kept),
      pidfd_(static_cast<int>(syscall(SYS_pidfd_open, pid, 0))),
      out_end_(std::move(out)),
      err_end_(std::move(err)) {}

Process::Process(Process&& other) noexcept
    : pid_(std::exchange(other.pid_, 0)),
      most_kept_(other.most_kept_),
      pidfd_(std::move(other.pidfd_)),
      out_end_(std::move(other.out_end_)),
      err_end_(std::move(other.err_end_)),
      out_(std::move(other.out_)),
      err_(std::move(other.err_)),
      end_(other.end_) {}

Process::~Process() {
  if (pid_ == 0) return;
  kill_group();
  reap();
}

/// Its number, and with it the group's, is not given to anybody else before it is reaped.
void Process::kill_group() {
  if (pid_ != 0) kill(-pid_, SIGKILL);
}

void Process::reap() {
  if (pid_ == 0) return;
  int status = 0;
  while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = 0;
  const bool signalled = WIFSIGNALED(status);
  end_ = ProcessEnd{signalled, signalled ? WTERMSIG(status) : WEXITSTATUS(status)};
}

void Process::take_in() {
  drain(out_end_, out_, most_kept_);
  drain(err_end_, err_, most_kept_);
}

Process::Seen Process::follow(const Clock& clock, TimePoint deadline, const std::stop_token& stop,
                              const std::string& until) {
  if (end_) return Seen::kEnded;
  const StopFd stopped(stop);
  for (;;) {
    const double left_ms = Milliseconds(deadline - clock.now()).count();
    const int wait_ms = static_cast<int>(std::clamp(left_ms, 0.0, kLongestPollMs)) + 1;
    std::array<pollfd, 4> fds{pollfd{pidfd_.get(), POLLIN, 0}, pollfd{out_end_.get(), POLLIN, 0},
                              pollfd{err_end_.get(), POLLIN, 0}, pollfd{stopped.get(), POLLIN, 0}};
    poll(fds.data(), fds.size(), left_ms > 0 ? wait_ms : 0);
    const bool ended = (fds[0].revents & POLLIN) != 0;
    take_in();
    if (!until.empty() && out_.find(until) != std::string::npos) return Seen::kMatched;
    if (ended) {
      reap();
      return Seen::kEnded;
    }
    if (stop.stop_requested()) return Seen::kStopped;
    if (left_ms <= 0) return Seen::kDeadline;
  }
}

void Process::end_group(const Clock& clock, Seconds grace) {
  if (end_) return;
  kill(-pid_, SIGTERM);
  siginfo_t ended{};
  const TimePoint deadline = clock.now() + grace;
  // Left unreaped, so that the group's number stays ours until the stragglers are killed too.
  while (clock.now() < deadline) {
    const double left_ms = Milliseconds(deadline - clock.now()).count();
    pollfd fd{pidfd_.get(), POLLIN, 0};
    poll(&fd, 1, static_cast<int>(std::clamp(left_ms, 0.0, kLongestPollMs)) + 1);
    take_in();
    if (waitid(P_PID, static_cast<id_t>(pid_), &ended, WEXITED | WNOHANG | WNOWAIT) == 0 &&
        ended.si_pid != 0) {
      break;
    }
  }
  kill_group();
  reap();
  take_in();
}

}  // namespace godwit
