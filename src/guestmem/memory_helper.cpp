#include "memory_helper.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>
#include <string>

namespace godwit::guestmem {
namespace {

namespace fs = std::filesystem;

constexpr const char* kName = "godwit-memory";
constexpr const char* kInstalled = "/usr/libexec/godwit/godwit-memory";

/// Below them are those that a program begins with: none may be taken from under it.
constexpr int kFirstOfOurs = 3;

Error not_started(const std::string& program, int errno_value) {
  if (errno_value == ENOENT) {
    return {ErrorCode::kNotFound, fmt::format("{} is not installed", kName), {}};
  }
  if (errno_value == EACCES || errno_value == EPERM) {
    return {ErrorCode::kPermission, fmt::format("this user may not run {}", kName), {}};
  }
  return errno_error("starting " + program, errno_value);
}

/// Starts it with these as stdin and stdout, and nothing else of ours.
Result<pid_t> start(const std::string& program, int in, int out) {
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
  std::array<char*, 2> words{const_cast<char*>(kName), nullptr};
  std::array<char*, 1> environment{nullptr};
  pid_t pid = 0;
  const int error =
      ::posix_spawn(&pid, program.c_str(), &actions, nullptr, words.data(), environment.data());
  ::posix_spawn_file_actions_destroy(&actions);
  if (error != 0) return fail(not_started(program, error));
  return pid;
}

struct Answer {
  std::string words;
  UniqueFd memory;
};

/// Its one message; empty where it ended without.
Answer answer_from(int socket) {
  std::array<char, 256> words{};
  iovec text{words.data(), words.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &text;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  ssize_t got = -1;
  do {
    got = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  } while (got < 0 && errno == EINTR);
  if (got <= 0) return {};
  Answer answer{std::string(words.data(), static_cast<std::size_t>(got)), UniqueFd()};
  const cmsghdr* const header = CMSG_FIRSTHDR(&message);
  if (header != nullptr && header->cmsg_type == SCM_RIGHTS &&
      header->cmsg_len == CMSG_LEN(sizeof(int))) {
    int descriptor = -1;
    std::memcpy(&descriptor, CMSG_DATA(header), sizeof(int));
    answer.memory.reset(descriptor);
  }
  return answer;
}

}  // namespace

std::string helper_program() {
  std::error_code none;
  const fs::path beside = fs::read_symlink("/proc/self/exe", none).parent_path() / kName;
  return fs::exists(beside, none) ? beside.native() : std::string(kInstalled);
}

Result<UniqueFd> memory_by_helper(const std::string& program, int monitor) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return fail(errno_error("cannot make a socket pair", errno));
  }
  const UniqueFd ours(ends[0]);
  UniqueFd theirs(ends[1]);
  UniqueFd high(::fcntl(theirs.get(), F_DUPFD_CLOEXEC, kFirstOfOurs));
  const UniqueFd lent(::fcntl(monitor, F_DUPFD_CLOEXEC, kFirstOfOurs));
  theirs.reset();
  GODWIT_TRY(const pid_t pid, start(program, lent.get(), high.get()));
  high.reset();  // or its end would never be heard
  Answer answer = answer_from(ours.get());
  while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
  if (answer.memory.valid()) return std::move(answer.memory);
  const std::string why = answer.words.empty() ? "it ended without an answer" : answer.words;
  return fail(ErrorCode::kPermission, fmt::format("{}: {}", kName, why));
}

}  // namespace godwit::guestmem
