// godwit-memory: opens a QEMU's memory for reading, for a process that is connected to that QEMU's
// monitor, and does nothing else. By its file it has CAP_SYS_PTRACE, as another's memory is opened,
// and CAP_DAC_READ_SEARCH, as its file in /proc belongs to another user. Who may run it, and what
// that allows, is in SECURITY.md. It takes no arguments and reads no environment.
//
//   stdin    the connection to the QMP socket. Nothing is read from it or written to it
//   stdout   a UNIX socket: gets one message, which carries /proc/PID/mem, or says why not
//
// Exit status: 0 where it was handed over, else 1.

#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include "godwit/base/unique_fd.h"
#include "monitor_proof.h"

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77  // asm-generic/socket.h since Linux 6.5
#endif

namespace godwit::guestmem {
namespace {

/// No QEMU has more words; one that does is not looked at further.
constexpr std::size_t kMostBytes = std::size_t{1} << 20;

bool hand_over(std::string_view words, int descriptor) {
  iovec text{const_cast<char*>(words.data()), words.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &text;
  message.msg_iovlen = 1;
  if (descriptor >= 0) {
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(header), &descriptor, sizeof(int));
  }
  return ::sendmsg(STDOUT_FILENO, &message, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0;
}

int refuse(std::string_view why) {
  hand_over(why, -1);
  return EXIT_FAILURE;
}

/// The path that the other end of a connection was bound to; empty where there is none.
std::string path_of_peer(int connection) {
  sockaddr_un address{};
  socklen_t size = sizeof(address);
  if (::getpeername(connection, reinterpret_cast<sockaddr*>(&address), &size) != 0) return {};
  constexpr std::size_t kBefore = offsetof(sockaddr_un, sun_path);
  if (address.sun_family != AF_UNIX || size <= kBefore || size > sizeof(address)) return {};
  return {address.sun_path, ::strnlen(address.sun_path, size - kBefore)};
}

/// A handle on the process that listens there: not on its number, which others may have by now.
UniqueFd listener_of(int connection) {
  int handle = -1;
  socklen_t size = sizeof(handle);
  if (::getsockopt(connection, SOL_SOCKET, SO_PEERPIDFD, &handle, &size) != 0) handle = -1;
  return UniqueFd(handle);
}

bool has_ended(const UniqueFd& handle) {
  pollfd ended{handle.get(), POLLIN, 0};
  return ::poll(&ended, 1, 0) != 0;
}

std::string contents(int file) {
  std::string text;
  std::array<char, 4096> piece{};
  for (ssize_t got = 1; got > 0 && text.size() < kMostBytes;) {
    got = ::read(file, piece.data(), piece.size());
    if (got > 0) text.append(piece.data(), static_cast<std::size_t>(got));
  }
  return text;
}

/// Its folder in /proc: held open, it is of that process or of none. Invalid where it has ended, or
/// can't be seen.
UniqueFd proc_folder_of(const UniqueFd& handle) {
  if (!handle.valid()) return UniqueFd();
  const std::string about = "/proc/self/fdinfo/" + std::to_string(handle.get());
  const UniqueFd file(::open(about.c_str(), O_RDONLY | O_CLOEXEC));
  const std::string text = contents(file.get());
  constexpr std::string_view kKey = "\nPid:\t";
  const std::size_t at = text.find(kKey);
  if (at == std::string::npos) return UniqueFd();
  const long number = std::strtol(text.c_str() + at + kKey.size(), nullptr, 10);
  if (number <= 0) return UniqueFd();
  UniqueFd folder(
      ::open(("/proc/" + std::to_string(number)).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return has_ended(handle) ? UniqueFd() : std::move(folder);
}

std::string program_of(const UniqueFd& process) {
  std::array<char, 4096> path{};
  const ssize_t size = ::readlinkat(process.get(), "exe", path.data(), path.size());
  return size > 0 ? std::string(path.data(), static_cast<std::size_t>(size)) : std::string();
}

/// For good: nothing that follows needs a right.
bool drop_rights() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> none{};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::syscall(SYS_capset, &header, none.data()) == 0;
}

int run() {
  const std::string path = path_of_peer(STDIN_FILENO);
  if (path.empty()) return refuse("what it was given is no connection to a socket with a path");
  const UniqueFd process = proc_folder_of(listener_of(STDIN_FILENO));
  if (!process.valid()) {
    return refuse("who listens at that socket has ended or can't be seen; Linux 6.5 is needed");
  }
  // First the memory, then what it is the memory of. Memory is that of the program which the
  // process ran when it was opened; once it runs another one, nothing can be read there any more.
  // So what is found to be QEMU's below is QEMU's, or nobody's.
  const UniqueFd memory(::openat(process.get(), "mem", O_RDONLY | O_CLOEXEC));
  const UniqueFd words(::openat(process.get(), "cmdline", O_RDONLY | O_CLOEXEC));
  const std::string program = program_of(process);
  if (!drop_rights()) return refuse("it can't drop its rights");
  if (!memory.valid()) return refuse("it has no capabilities here");
  if (!is_qemu_program(program)) return refuse("who listens at that socket is no QEMU");
  if (!serves_qmp_at(contents(words.get()), path)) {
    return refuse("that socket is none of those which QEMU's command line names for QMP");
  }
  return hand_over("memory", memory.get()) ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace
}  // namespace godwit::guestmem

int main() {
  return godwit::guestmem::run();
}
