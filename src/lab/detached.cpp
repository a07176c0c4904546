#include "detached.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/close_range.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>

/// A process says "\1" when all went well, and "\0code\nmessage\nadvice" when it did not.

namespace godwit::lab {

void tell(const UniqueFd& report, const Error& error) {
  std::string text(1, '\0');
  text += fmt::format("{}\n{}\n{}", static_cast<int>(error.code), error.message,
                      error.what_to_do.text());
  (void)!write(report.get(), text.data(), text.size());
}

bool tell_well(const UniqueFd& report) {
  const char good = 1;
  return write(report.get(), &good, 1) == 1;
}

Result<void> hear(const UniqueFd& report) {
  std::array<char, 1024> buffer{};
  std::string text;
  for (ssize_t got = 0; (got = read(report.get(), buffer.data(), buffer.size())) > 0;) {
    text.append(buffer.data(), static_cast<std::size_t>(got));
  }
  if (text == std::string(1, '\1')) return {};
  const std::size_t first = text.find('\n');
  const std::size_t second = text.find('\n', first + 1);
  if (text.size() < 2 || first == std::string::npos || second == std::string::npos) {
    return fail(ErrorCode::kInternal, "a process that works on the lab died", "try again");
  }
  return fail(static_cast<ErrorCode>(std::atoi(text.c_str() + 1)),
              text.substr(first + 1, second - first - 1), text.substr(second + 1));
}

void await_end(pid_t child) {
  while (waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
}

bool detach(const char* name, const std::vector<int>& kept, const UniqueFd& report) {
  constexpr int kFirst = 3;
  const int count = static_cast<int>(kept.size());
  prctl(PR_SET_NAME, name);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  if (chdir("/") != 0) return false;
  std::vector<int> apart;  // so that none is overwritten before it has its place
  for (const int fd : kept) apart.push_back(fcntl(fd, F_DUPFD, kFirst + count));
  const int last = fcntl(report.get(), F_DUPFD, kFirst + count);
  const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  for (int fd = 0; fd < kFirst; ++fd) {
    if (dup2(null, fd) < 0) return false;
  }
  for (int i = 0; i < count; ++i) {
    if (dup2(apart[static_cast<std::size_t>(i)], kFirst + i) < 0) return false;
  }
  const UniqueFd report_here(dup2(last, kFirst + count));
  close_range(static_cast<unsigned>(kFirst + count + 1), ~0U, 0);
  return tell_well(report_here);
}

/// noexcept: nothing may unwind from the child into its copy of the parent's frames.
Result<void> start_detached(const std::string& what,
                            const std::function<void(const UniqueFd& report)>& life) noexcept {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return fail(errno_error("making a pipe", errno));
  const UniqueFd read_end(ends[0]);
  UniqueFd write_end(ends[1]);
  const pid_t middle = fork();
  if (middle < 0) return fail(errno_error(what, errno));
  if (middle == 0) {
    if (fork() == 0) {
      setsid();
      life(write_end);
      _exit(1);
    }
    _exit(0);
  }
  write_end.reset();
  await_end(middle);
  return hear(read_end);
}

}  // namespace godwit::lab
