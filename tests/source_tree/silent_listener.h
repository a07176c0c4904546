#pragma once

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "patience.h"

namespace godwit {

/// Listens on a UNIX socket, and never says a word: as a daemon that is stopped.
class SilentListener {
 public:
  explicit SilentListener(std::string path) : path_(std::move(path)) {
    // As the program does (cli/app.cpp): a client may write to what has closed.
    std::signal(SIGPIPE, SIG_IGN);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path_.c_str(), sizeof address.sun_path - 1);
    fds_.push_back(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (::bind(fds_[0], reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        ::listen(fds_[0], 16) != 0) {
      throw std::runtime_error("nobody listens on " + path_);
    }
  }
  ~SilentListener() {
    for (const int fd : fds_) ::close(fd);
    ::unlink(path_.c_str());
  }
  SilentListener(const SilentListener&) = delete;
  SilentListener& operator=(const SilentListener&) = delete;

  /// As libvirt names a daemon that listens there.
  [[nodiscard]] std::string uri() const { return "qemu+unix:///system?socket=" + path_; }
  /// One more has connected since this was last asked.
  [[nodiscard]] bool connected() { return takes_one(0); }
  /// Returns once one more has; false if none ever does.
  [[nodiscard]] bool await_one() { return takes_one(static_cast<int>(kPatience.count() * 1000)); }

 private:
  bool takes_one(int wait_ms) {
    pollfd waits{fds_[0], POLLIN, 0};
    if (::poll(&waits, 1, wait_ms) != 1) return false;
    fds_.push_back(::accept4(fds_[0], nullptr, nullptr, SOCK_CLOEXEC));
    return fds_.back() >= 0;
  }

  std::string path_;
  std::vector<int> fds_;  ///< the socket itself, then those who have connected
};

}  // namespace godwit
