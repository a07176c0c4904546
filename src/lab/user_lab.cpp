#include "godwit/lab/user_lab.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>
#include <utility>

#include "detached.h"
#include "godwit/base/unique_fd.h"
#include "godwit/lab/lab.h"
#include "godwit/lab/spec.h"
#include "keeper.h"
#include "paths.h"
#include "processes.h"

/// The keeper is known by a socket name of the kernel's abstract kind, which no two processes can
/// hold, no file shows and no crash leaves behind; the kernel tells its process number and owner.

namespace godwit::lab {
namespace {

struct SocketName {
  sockaddr_un address{};
  socklen_t size = 0;
};

std::string keeper_prefix(uid_t uid) {
  return fmt::format("godwit-{}-", uid);
}

SocketName keeper_name(uid_t uid, const std::string& lab) {
  SocketName name;
  name.address.sun_family = AF_UNIX;
  const std::string text = keeper_prefix(uid) + lab;
  std::copy(text.begin(), text.end(), name.address.sun_path + 1);  // a leading 0: abstract
  name.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + text.size());
  return name;
}

const sockaddr* generic(const SocketName& name) {
  return static_cast<const sockaddr*>(static_cast<const void*>(&name.address));
}

/// The keeper's process, pinned; an invalid descriptor when there is none.
Result<UniqueFd> find_keeper(uid_t uid, const std::string& lab) {
  const SocketName name = keeper_name(uid, lab);
  const UniqueFd socket_fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket_fd.valid()) return fail(errno_error("opening a socket", errno));
  if (connect(socket_fd.get(), generic(name), name.size) != 0) return UniqueFd();
  ucred peer{};
  socklen_t size = sizeof peer;
  if (getsockopt(socket_fd.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) {
    return fail(errno_error("asking who keeps the lab", errno));
  }
  if (peer.uid != geteuid()) {
    return fail(
        ErrorCode::kPermission,
        fmt::format("another user (number {}) holds the name of your lab '{}'", peer.uid, lab),
        "give the lab another name");
  }
  return pin_process(peer.pid);
}

Result<void> write_text(const char* path, const std::string& text) {
  const UniqueFd file(open(path, O_WRONLY | O_CLOEXEC));
  if (file.valid() && write(file.get(), text.data(), text.size()) == std::ssize(text)) return {};
  return fail(errno_error(fmt::format("writing {}", path), errno));
}

Error forbidden(int errno_value) {
  return {ErrorCode::kEnvironment,
          fmt::format("this system lets ordinary users make no namespaces of their own ({})",
                      std::strerror(errno_value)),
          "run godwit as root (sudo), or as root set kernel.unprivileged_userns_clone=1 and "
          "user.max_user_namespaces=10000"};
}

/// The keeper's own part: from here on it is root in namespaces of its own.
Result<void> make_namespaces(uid_t uid, gid_t gid) {
  // a network namespace too: `ip netns add` goes back to where it came from, which takes rights
  // over that one as well
  if (unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET) != 0) return fail(forbidden(errno));
  GODWIT_CHECK_OK(write_text("/proc/self/setgroups", "deny"));
  GODWIT_CHECK_OK(write_text("/proc/self/uid_map", fmt::format("0 {} 1", uid)));
  GODWIT_CHECK_OK(write_text("/proc/self/gid_map", fmt::format("0 {} 1", gid)));
  if (mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      mount("tmpfs", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755") != 0) {
    return fail(errno_error("making a private /run", errno));
  }
  return {};
}

Result<UniqueFd> take_name(uid_t uid, const std::string& lab) {
  const SocketName name = keeper_name(uid, lab);
  UniqueFd socket_fd(socket(AF_UNIX, SOCK_STREAM, 0));
  if (!socket_fd.valid()) return fail(errno_error("opening a socket", errno));
  if (bind(socket_fd.get(), generic(name), name.size) != 0) {
    if (errno != EADDRINUSE) return fail(errno_error("keeping the lab's name", errno));
    return fail(ErrorCode::kBusy, fmt::format("another godwit is building the lab '{}'", lab),
                "wait until it is done");
  }
  return socket_fd;
}

/// Its life: hold the namespaces, and take the callers that only want to know who it is; were they
/// left waiting, the kernel would hold up those after the sixteenth. Its name is descriptor 3.
[[noreturn]] void keep() {
  for (;;) {
    const int caller = accept(3, nullptr, nullptr);
    if (caller >= 0) close(caller);
  }
}

void become_keeper(const std::string& lab, const UniqueFd& report) {
  const uid_t uid = geteuid();
  const gid_t gid = getegid();
  auto name = take_name(uid, lab);
  Result<void> made = name ? make_namespaces(uid, gid) : Result<void>(fail(name.error()));
  if (made && listen(name->get(), 16) != 0)
    made = fail(errno_error("keeping the lab's name", errno));
  if (!made) return tell(report, made.error());
  if (detach("godwit-keeper", {name->get()}, report)) keep();
}

Result<void> start_keeper(const std::string& lab) {
  return start_detached("starting the lab's keeper",
                        [&lab](const UniqueFd& report) { become_keeper(lab, report); });
}

/// QEMUs whose keeper was killed: their namespaces are theirs alone and end with them.
Result<void> end_orphans(const std::string& lab) {
  return end_processes([folder = lab_folder(lab), uid = geteuid(),
                        user = facts_of(getpid()).user_namespace](const ProcessFacts& process) {
    return process.uid == uid && process.user_namespace != user && is_qemu_in(process, folder);
  });
}

Result<void> join(const UniqueFd& keeper) {
  std::error_code none;
  const std::filesystem::path here = std::filesystem::current_path(none);
  if (setns(keeper.get(), CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET) != 0) {
    return fail(errno_error("entering the lab's namespaces", errno));
  }
  std::filesystem::current_path(here, none);  // joining a mount namespace leads to its root
  return {};
}

/// Of the lab that this process has entered. Its name can't be asked for again: abstract names
/// belong to a network namespace, and that one was left.
UniqueFd entered_keeper;  // NOLINT: a process enters once, like its working directory

/// noexcept: nothing may unwind from the child into its copy of the parent's frames.
Result<void> enter_and_end(const std::string& lab) noexcept {
  if (auto entered = enter_user_lab(lab, EnterMode::kJoin); !entered) {
    if (entered.error().code == ErrorCode::kNotFound) return {};
    return entered;
  }
  GODWIT_CHECK_OK(down(lab));
  return end_user_lab();
}

/// The last column of /proc/net/unix, where an abstract name begins with '@'.
std::set<std::string> kept_labs(uid_t uid) {
  std::set<std::string> labs;
  const std::string begin = "@" + keeper_prefix(uid);
  std::ifstream sockets("/proc/net/unix");
  for (std::string line; std::getline(sockets, line);) {
    const std::size_t at = line.rfind(' ');
    if (at == std::string::npos || line.compare(at + 1, begin.size(), begin) != 0) continue;
    labs.insert(line.substr(at + 1 + begin.size()));
  }
  return labs;
}

/// By the QEMUs of theirs that run in other user namespaces, kept or not.
std::set<std::string> running_labs(uid_t uid) {
  std::set<std::string> labs;
  const std::string ours = facts_of(getpid()).user_namespace;
  for (const pid_t pid : all_pids()) {
    const ProcessFacts facts = facts_of(pid);
    if (facts.uid != uid || facts.user_namespace == ours) continue;
    if (!is_qemu_in(facts, std::string(kRunRoot))) continue;
    const auto option = std::find(facts.arguments.begin(), facts.arguments.end(), "-pidfile");
    if (option == facts.arguments.end() || option + 1 == facts.arguments.end()) continue;
    labs.insert(std::filesystem::path(*(option + 1)).parent_path().filename().string());
  }
  return labs;
}

}  // namespace

int entered_keeper_fd() {
  return entered_keeper.get();
}

Result<void> enter_user_lab(const std::string& lab, EnterMode mode) {
  GODWIT_CHECK_OK(validate_name("lab", lab));
  if (geteuid() == 0) return {};
  const uid_t uid = geteuid();
  GODWIT_TRY(UniqueFd keeper, find_keeper(uid, lab));
  const bool fresh = !keeper.valid();
  if (fresh) {
    GODWIT_CHECK_OK(end_orphans(lab));
    if (mode == EnterMode::kJoin) {
      return fail(ErrorCode::kNotFound, fmt::format("you have no lab '{}'", lab),
                  "build one with: godwit lab up");
    }
    GODWIT_CHECK_OK(start_keeper(lab));
    GODWIT_TRY(keeper, find_keeper(uid, lab));
  }
  if (auto joined = join(keeper); !joined) {
    if (fresh) (void)kill_and_wait(keeper);
    return joined;
  }
  entered_keeper = std::move(keeper);
  return {};
}

Result<void> end_user_lab() {
  if (!entered_keeper.valid()) return {};
  GODWIT_TRY(const auto left, list());
  if (!left.empty()) return {};
  return kill_and_wait(entered_keeper);
}

Result<void> down_user_lab(const std::string& lab) {
  GODWIT_CHECK_OK(validate_name("lab", lab));
  if (geteuid() == 0) return down(lab);
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return fail(errno_error("making a pipe", errno));
  const UniqueFd read_end(ends[0]);
  UniqueFd write_end(ends[1]);
  const pid_t child = fork();
  if (child < 0) return fail(errno_error("starting a process", errno));
  if (child == 0) {
    if (const auto gone = enter_and_end(lab); !gone) {
      tell(write_end, gone.error());
    } else {
      (void)tell_well(write_end);
    }
    _exit(0);
  }
  write_end.reset();
  auto told = hear(read_end);
  await_end(child);
  return told;
}

Result<std::vector<std::string>> list_user_labs() {
  if (geteuid() == 0) return list();
  std::set<std::string> labs = kept_labs(geteuid());
  labs.merge(running_labs(geteuid()));
  std::vector<std::string> names;
  for (const std::string& name : labs) {
    if (validate_name("lab", name)) names.push_back(name);
  }
  return names;
}

}  // namespace godwit::lab
