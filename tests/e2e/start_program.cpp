#include "start_program.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "godwit/base/unique_fd.h"
#include "godwit/lab/facts.h"

namespace godwit::e2e {
namespace {

/// Becomes the program; only what a child after fork() may do.
[[noreturn]] void become(char** words, const StartWith& with, const char* netns) {
  const int in = ::open("/dev/null", O_RDONLY);
  const int out = ::open(with.log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
  ::dup2(in, 0);
  ::dup2(out, 1);
  ::dup2(out, 2);
  ::close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
  for (const int fd : with.inherit) ::fcntl(fd, F_SETFD, 0);
  if (netns != nullptr) {
    const int space = ::open(netns, O_RDONLY | O_CLOEXEC);
    if (space < 0 || ::setns(space, CLONE_NEWNET) != 0) ::_exit(126);
  }
  if (with.user != 0 && (::setgid(with.user) != 0 || ::setuid(with.user) != 0)) ::_exit(126);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::execvp(words[0], words);
  ::_exit(127);
}

// Below those that Linux takes for connections (ip_local_port_range: 32768 and above), one of which
// would otherwise be where the guest was to arrive. Disks move on one of the ports after the
// stream's.
constexpr int kFirstPort = 20000;
constexpr int kLastPort = 32000;
constexpr int kPortsEach = 20;

bool nobody_has(int port) {
  const UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  return ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
}

}  // namespace

pid_t start_program(std::vector<std::string> words, const StartWith& with) {
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  const std::string netns = "/run/netns/" + with.netns;
  const pid_t pid = ::fork();
  if (pid == 0) become(argv.data(), with, with.netns.empty() ? nullptr : netns.c_str());
  if (pid < 0) throw std::runtime_error("cannot start " + words.front());
  return pid;
}

std::string text_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string first_line(const std::string& path) {
  const std::string text = text_of(path);
  return text.substr(0, text.find('\n'));
}

std::string image(const std::string& file) {
  const auto folder = lab::find_guest_image();
  if (!folder) throw std::runtime_error(folder.error().message + "; run ./dev build");
  return *folder + "/" + file;
}

int free_port() {
  static int port = kFirstPort - kPortsEach;
  while ((port += kPortsEach) <= kLastPort) {
    if (nobody_has(port)) return port;
  }
  throw std::runtime_error("no free port");
}

}  // namespace godwit::e2e
