#include "process_group.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

#include "errors.h"

namespace godwit::guest {
namespace {

// posix_spawn's two descriptions of a child, given back at the scope's end.
class ChildSetup {
 public:
  ChildSetup(const Fd& output, const Fd& errors) {
    posix_spawn_file_actions_init(&files_);
    posix_spawn_file_actions_addopen(&files_, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files_, output.get(), STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&files_, errors.get(), STDERR_FILENO);
    posix_spawnattr_init(&attributes_);
    sigset_t none;  // this program blocks those that end it
    sigemptyset(&none);
    posix_spawnattr_setsigmask(&attributes_, &none);
    posix_spawnattr_setpgroup(&attributes_, 0);
    posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
  }
  ~ChildSetup() {
    posix_spawn_file_actions_destroy(&files_);
    posix_spawnattr_destroy(&attributes_);
  }
  ChildSetup(const ChildSetup&) = delete;
  ChildSetup& operator=(const ChildSetup&) = delete;

  [[nodiscard]] pid_t spawn(const std::vector<std::string>& command) const {
    std::vector<char*> arguments;
    for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    pid_t pid = -1;
    const int error =
        posix_spawn(&pid, arguments[0], &files_, &attributes_, arguments.data(), environ);
    if (error != 0) throw_error(error, command[0]);
    return pid;
  }

 private:
  posix_spawn_file_actions_t files_{};
  posix_spawnattr_t attributes_{};
};

}  // namespace

ProcessGroup::Pipe ProcessGroup::make_pipe() {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) throw_errno("pipe");
  Pipe pipe{Fd(ends[0]), Fd(ends[1])};
  fcntl(pipe.read_end.get(), F_SETFL, O_NONBLOCK);
  return pipe;
}

ProcessGroup::ProcessGroup(const std::vector<std::string>& command, Pipe output, Pipe errors)
    : output_(std::move(output.read_end)), errors_(std::move(errors.read_end)) {
  // Children whose parent ends become this program's: so it can wait for the last of them.
  if (prctl(PR_SET_CHILD_SUBREAPER, 1) != 0) throw_errno("prctl");
  pid_ = ChildSetup(output.write_end, errors.write_end).spawn(command);
}

// From the other constructor's end on, the destructor is sure to run.
ProcessGroup::ProcessGroup(const std::vector<std::string>& command)
    : ProcessGroup(command, make_pipe(), make_pipe()) {
  ended_ = Fd(static_cast<int>(syscall(SYS_pidfd_open, pid_, 0)));
  if (!ended_.valid()) throw_errno("pidfd_open");
}

ProcessGroup::~ProcessGroup() {
  // The first process is not waited for before: until then nobody else's group can have this
  // number.
  kill(-pid_, SIGKILL);
  while (waitpid(-pid_, nullptr, 0) > 0 || errno == EINTR) {
  }
}

void ProcessGroup::pause() const {
  kill(-pid_, SIGSTOP);
}

void ProcessGroup::resume() const {
  kill(-pid_, SIGCONT);
}

}  // namespace godwit::guest
