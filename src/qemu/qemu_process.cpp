#include "qemu_process.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <sstream>

#include "godwit/base/proc_file.h"
#include "godwit/base/process.h"

namespace godwit::qemu {
namespace {

namespace fs = std::filesystem;

/// A thread's number as it sees itself: the last of the NSpid line has that of its own process
/// namespace (a QEMU in a container), which may be another than ours.
std::int64_t own_number(const fs::path& task) {
  std::istringstream numbers(value_in(task / "status", "NSpid"));
  std::int64_t last = 0;
  for (std::int64_t one = 0; numbers >> one;) last = one;
  return last;
}

std::set<std::int64_t> threads_of(std::int64_t pid) {
  std::set<std::int64_t> threads;
  std::error_code unseen;
  for (const auto& task : fs::directory_iterator(fmt::format("/proc/{}/task", pid), unseen)) {
    threads.insert(own_number(task.path()));
  }
  return threads;
}

bool is_qemu(std::int64_t pid, const std::vector<std::int64_t>& vcpu_threads) {
  if (vcpu_threads.empty()) return program_of(pid).starts_with("qemu");  // machine "none"
  const auto threads = threads_of(pid);
  return std::all_of(vcpu_threads.begin(), vcpu_threads.end(),
                     [&](std::int64_t one) { return one > 0 && threads.contains(one); });
}

}  // namespace

std::optional<QemuProcess> QemuProcess::recognise(std::int64_t peer,
                                                  const std::vector<std::int64_t>& vcpu_threads) {
  if (peer <= 0) return std::nullopt;
  // First the handle: what is asked after it was opened is asked of the process that it holds.
  UniqueFd handle(static_cast<int>(::syscall(SYS_pidfd_open, static_cast<pid_t>(peer), 0)));
  if (!handle.valid() || !is_qemu(peer, vcpu_threads)) return std::nullopt;
  return QemuProcess(std::move(handle), peer, process_start(peer));
}

bool QemuProcess::ended() const {
  pollfd waiting{handle_.get(), POLLIN, 0};
  return ::poll(&waiting, 1, 0) > 0;
}

std::string process_name(std::int64_t pid) {
  if (pid <= 0) return "";
  const std::string command = program_of(pid);
  if (!command.empty()) return fmt::format("process {} ({})", pid, command);
  return fmt::format("a forwarder (process {} opened the socket and has ended)", pid);  // ssh -f
}

}  // namespace godwit::qemu
