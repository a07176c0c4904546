#pragma once

#include <atomic>
#include <string>
#include <thread>

#include "godwit/base/unique_fd.h"

namespace godwit::e2e {

/// Forwards a UNIX socket to another one, as `ssh -L` does for a monitor on another host: who
/// connects to it is answered by this process. One client at a time, any number after each other.
class Forwarder {
 public:
  Forwarder(std::string from, std::string to);
  ~Forwarder();
  Forwarder(const Forwarder&) = delete;
  Forwarder& operator=(const Forwarder&) = delete;

  [[nodiscard]] const std::string& path() const { return from_; }
  /// Ends the connection that is there, and takes no more.
  void cut();

 private:
  void serve();
  void carry(const UniqueFd& near, const UniqueFd& far) const;

  std::string from_;
  std::string to_;
  UniqueFd listener_;
  UniqueFd ended_;  ///< readable once it is cut
  std::thread thread_;
};

}  // namespace godwit::e2e
