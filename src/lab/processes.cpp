#include "processes.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <climits>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

namespace godwit::lab {
namespace {

constexpr int kPatienceMs = 10'000;

std::vector<std::string> arguments_of(pid_t pid) {
  std::ifstream file(fmt::format("/proc/{}/cmdline", pid), std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  std::vector<std::string> arguments;
  for (std::size_t start = 0; start < text.size();) {
    const std::size_t end = std::min(text.find('\0', start), text.size());
    arguments.push_back(text.substr(start, end - start));
    start = end + 1;
  }
  return arguments;
}

std::string link_of(const std::string& path) {
  std::string target(PATH_MAX, '\0');
  const ssize_t size = readlink(path.c_str(), target.data(), target.size());
  target.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
  return target;
}

}  // namespace

std::vector<std::string> names_in(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code error;
  // not a range-for: its ++ throws
  for (std::filesystem::directory_iterator at(folder, error), end; !error && at != end;
       at.increment(error)) {
    names.push_back(at->path().filename().string());
  }
  return names;
}

std::vector<pid_t> all_pids() {
  std::vector<pid_t> pids;
  for (const std::string& name : names_in("/proc")) {
    pid_t pid = 0;
    const auto [rest, error] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (error == std::errc{} && rest == name.data() + name.size()) pids.push_back(pid);
  }
  return pids;
}

bool is_qemu_in(const ProcessFacts& process, const std::string& folder) {
  if (process.arguments.empty()) return false;
  const std::string program = std::filesystem::path(process.arguments.front()).filename().string();
  if (!program.starts_with("qemu-system-")) return false;
  return std::any_of(process.arguments.begin() + 1, process.arguments.end(),
                     [inside = folder + "/"](const std::string& argument) {
                       return argument.find(inside) != std::string::npos;
                     });
}

ProcessFacts facts_of(pid_t pid) {
  ProcessFacts facts;
  facts.pid = pid;
  struct stat status {};
  if (stat(fmt::format("/proc/{}", pid).c_str(), &status) == 0) facts.uid = status.st_uid;
  facts.arguments = arguments_of(pid);
  facts.user_namespace = link_of(fmt::format("/proc/{}/ns/user", pid));
  facts.network_namespace = link_of(fmt::format("/proc/{}/ns/net", pid));
  return facts;
}

UniqueFd pin_process(pid_t pid) {
  return UniqueFd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
}

Result<void> kill_and_wait(const UniqueFd& pinned) {
  if (syscall(SYS_pidfd_send_signal, pinned.get(), SIGKILL, nullptr, 0) != 0 && errno != ESRCH) {
    return fail(errno_error("ending a process of the lab", errno));
  }
  pollfd end{pinned.get(), POLLIN, 0};
  if (poll(&end, 1, kPatienceMs) == 1) return {};
  return fail(ErrorCode::kTimeout, "a process of the lab does not end although it was killed",
              "it may be stuck in the kernel: look at it with ps, then try again");
}

Result<void> end_processes(const std::function<bool(const ProcessFacts&)>& mine) {
  for (bool found = true; found;) {
    found = false;
    for (const pid_t pid : all_pids()) {
      if (pid == getpid()) continue;
      const UniqueFd pinned = pin_process(pid);  // first pinned, then looked at
      if (!pinned.valid() || !mine(facts_of(pid))) continue;
      found = true;
      GODWIT_CHECK_OK(kill_and_wait(pinned));
    }
  }
  return {};
}

}  // namespace godwit::lab
