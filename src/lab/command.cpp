#include "command.h"

#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "godwit/base/clock.h"
#include "netns.h"

namespace godwit::lab {
namespace {

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

/// A started child. Kills and reaps it unless it was awaited.
class Child {
 public:
  explicit Child(pid_t pid)
      : pid_(pid), pidfd_(static_cast<int>(syscall(SYS_pidfd_open, pid, 0))) {}
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    if (pid_ == 0) return;
    kill(pid_, SIGKILL);
    wait();
  }
  [[nodiscard]] int pidfd() const { return pidfd_.get(); }
  int wait() {
    int status = 0;
    while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = 0;
    return status;
  }

 private:
  pid_t pid_;
  UniqueFd pidfd_;
};

Result<pid_t> spawn(const std::string& program, const Command& command, int out, int err) {
  std::vector<char*> argv;
  for (const std::string& argument : command.arguments) {
    argv.push_back(const_cast<char*>(argument.c_str()));  // NOLINT: posix_spawn's signature
  }
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, out, 1);
  posix_spawn_file_actions_adddup2(&actions, err, 2);
  // dup2 onto itself clears close-on-exec
  if (command.keep_open >= 0) {
    posix_spawn_file_actions_adddup2(&actions, command.keep_open, command.keep_open);
  }
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  // Ctrl-C is for godwit, which then ends things in order; the child neither gets nor ignores it.
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
  pid_t pid = 0;
  const int failed =
      posix_spawn(&pid, program.c_str(), &actions, &attributes, argv.data(), environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) return fail(errno_error(fmt::format("starting {}", program), failed));
  return pid;
}

/// Takes what is there; false at the end of the stream.
bool drain(const UniqueFd& fd, std::string& into) {
  std::array<char, 4096> buffer{};
  for (;;) {
    const ssize_t got = read(fd.get(), buffer.data(), buffer.size());
    if (got == 0) return false;
    if (got < 0) return errno == EAGAIN || errno == EINTR;
    into.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

/// Reads until the child ends, says what was waited for, or the deadline passes.
CommandEnd::How follow(const Command& command, const Child& child, const UniqueFd& out,
                       const UniqueFd& err, CommandEnd& end) {
  const RealClock clock;
  const TimePoint deadline = clock.now() + command.patience;
  bool out_open = true;
  bool err_open = true;
  for (;;) {
    const double left_ms = Milliseconds(deadline - clock.now()).count();
    if (left_ms <= 0) return CommandEnd::How::kTimedOut;
    std::array<pollfd, 3> fds{pollfd{child.pidfd(), POLLIN, 0},
                              pollfd{out_open ? out.get() : -1, POLLIN, 0},
                              pollfd{err_open ? err.get() : -1, POLLIN, 0}};
    poll(fds.data(), fds.size(), static_cast<int>(left_ms) + 1);
    const bool ended = (fds[0].revents & POLLIN) != 0;
    out_open = out_open && drain(out, end.out);
    err_open = err_open && drain(err, end.err);
    if (!command.until.empty() && end.out.find(command.until) != std::string::npos) {
      return CommandEnd::How::kMatched;
    }
    if (ended) return CommandEnd::How::kExited;
  }
}

Result<CommandEnd> run_here(const std::string& program, const Command& command) {
  GODWIT_TRY(Pipe out, make_pipe());
  GODWIT_TRY(Pipe err, make_pipe());
  GODWIT_TRY(const pid_t pid, spawn(program, command, out.write_end.get(), err.write_end.get()));
  Child child(pid);
  out.write_end.reset();
  err.write_end.reset();
  CommandEnd end;
  end.how = follow(command, child, out.read_end, err.read_end, end);
  if (end.how != CommandEnd::How::kExited) return end;
  const int status = child.wait();
  if (WIFSIGNALED(status)) {
    end.how = CommandEnd::How::kSignalled;
    end.status = WTERMSIG(status);
  } else {
    end.status = WEXITSTATUS(status);
  }
  return end;
}

/// The last line that is not blank: where programs put what went wrong.
std::string last_line(std::string_view text) {
  const std::size_t end = text.find_last_not_of(" \r\n");
  if (end == std::string_view::npos) return {};
  text = text.substr(0, end + 1);
  const std::size_t start = text.find_last_of('\n');
  return std::string(start == std::string_view::npos ? text : text.substr(start + 1));
}

std::string joined(const std::vector<std::string>& words, std::size_t most) {
  std::string line;
  for (std::size_t i = 0; i < words.size() && i < most; ++i) {
    if (i > 0) line += ' ';
    line += words[i];
  }
  return line;
}

}  // namespace

Result<std::string> find_program(const std::string& name, const std::string& package) {
  const char* path = std::getenv("PATH");
  std::string folders = fmt::format("{}:/usr/sbin:/usr/bin:/sbin:/bin:", path ? path : "");
  for (std::size_t start = 0; start < folders.size();) {
    const std::size_t end = folders.find(':', start);
    const std::string candidate = fmt::format("{}/{}", folders.substr(start, end - start), name);
    if (candidate.front() == '/' && end > start && access(candidate.c_str(), X_OK) == 0) {
      return candidate;
    }
    start = end + 1;
  }
  return fail(ErrorCode::kEnvironment, fmt::format("the program {} is missing", name),
              fmt::format("install it with: apt-get install {} (or ./dev setup)", package));
}

Result<CommandEnd> run_to_end(const Command& command) {
  GODWIT_TRY(const std::string program, find_program(command.arguments.front(), command.package));
  return in_netns(command.netns, [&] { return run_here(program, command); });
}

Result<std::string> run_command(const Command& command) {
  GODWIT_TRY(CommandEnd end, run_to_end(command));
  if (end.how == CommandEnd::How::kExited && end.status == 0) return std::move(end.out);
  const std::string what = joined(command.arguments, 12);
  if (end.how == CommandEnd::How::kTimedOut) {
    return fail(ErrorCode::kTimeout,
                fmt::format("'{}' did not end within {:.0f} s", what, command.patience.count()),
                "the machine may be overloaded: try again");
  }
  const std::string why = end.how == CommandEnd::How::kSignalled
                              ? fmt::format("was ended by signal {}", end.status)
                              : fmt::format("failed ({}): {}", end.status, last_line(end.err));
  const bool no_right = end.err.find("Operation not permitted") != std::string::npos ||
                        end.err.find("Permission denied") != std::string::npos;
  return fail(no_right ? ErrorCode::kPermission : ErrorCode::kEnvironment,
              fmt::format("'{}' {}", what, why),
              no_right ? "run it as root" : "see what the program says");
}

}  // namespace godwit::lab
