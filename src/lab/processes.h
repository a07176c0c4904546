#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

#include "godwit/base/error.h"
#include "godwit/base/unique_fd.h"

namespace godwit::lab {

/// What /proc says of one process.
struct ProcessFacts {
  pid_t pid = 0;
  uid_t uid = 0;
  std::vector<std::string> arguments;
  std::string user_namespace;     ///< as /proc/PID/ns/user reads: "user:[4026531837]"
  std::string network_namespace;  ///< its main thread's
};

/// Is it a QEMU whose files lie in `folder`?
bool is_qemu_in(const ProcessFacts& process, const std::string& folder);

/// What lies in a folder; empty when there is no such folder.
std::vector<std::string> names_in(const std::string& folder);

std::vector<pid_t> all_pids();

/// Empty members when the process is gone or hidden.
ProcessFacts facts_of(pid_t pid);

/// Kills all processes (but the caller's own) that `mine` picks, until there are none, and waits
/// for their end. kTimeout when one won't die.
Result<void> end_processes(const std::function<bool(const ProcessFacts&)>& mine);

/// The process, pinned: its number can't come to mean another one. Invalid when it is gone.
UniqueFd pin_process(pid_t pid);

/// Returns when the process has ended; kTimeout after 10 s.
Result<void> kill_and_wait(const UniqueFd& pinned);

}  // namespace godwit::lab
