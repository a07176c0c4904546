#pragma once

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <filesystem>
#include <string>

#include "scratch.h"

/// Ways to die and to run out of space, for the tests of what is kept on disk.

namespace godwit::store {

inline constexpr int kCannot = 77;  ///< a child's exit status: this machine does not let it

enum class Died { kFinished, kKilled, kNotTraced };

/// Runs `work` in a child and kills it with SIGKILL at its `stop`-th system-call stop (each call
/// stops twice: before and after). kFinished when it ended before.
template <class Work>
Died kill_at_stop(int stop, Work work) {
  const pid_t child = in_child([&] {
    if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) return kCannot;
    ::raise(SIGSTOP);
    return work();
  });
  int status = 0;
  ::waitpid(child, &status, 0);
  if (WIFEXITED(status)) return Died::kNotTraced;
  ::ptrace(PTRACE_SETOPTIONS, child, nullptr, PTRACE_O_EXITKILL);
  for (int i = 0; i < stop; ++i) {
    ::ptrace(PTRACE_SYSCALL, child, nullptr, nullptr);
    ::waitpid(child, &status, 0);
    if (WIFEXITED(status)) {
      EXPECT_EQ(WEXITSTATUS(status), 0);
      return Died::kFinished;
    }
  }
  ::kill(child, SIGKILL);
  ::waitpid(child, &status, 0);
  return Died::kKilled;
}

/// In a child: gives this process a view of the file system of its own in which `folder` is a disk
/// of `size`. It goes with the process. False where that takes rights that we don't have.
inline bool mount_small_disk(const std::filesystem::path& folder, const char* size) {
  const uid_t uid = ::getuid();
  const gid_t gid = ::getgid();
  if (::unshare(CLONE_NEWNS) != 0) {
    if (::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return false;
    fill("/proc/self/setgroups", "deny");
    fill("/proc/self/uid_map", "0 " + std::to_string(uid) + " 1");
    fill("/proc/self/gid_map", "0 " + std::to_string(gid) + " 1");
  }
  const std::string options = std::string("mode=0700,size=") + size;
  return ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
         ::mount("none", folder.c_str(), "tmpfs", 0, options.c_str()) == 0;
}

}  // namespace godwit::store
