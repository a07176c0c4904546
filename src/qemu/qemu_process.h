#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "godwit/base/unique_fd.h"

namespace godwit::qemu {

/// The QEMU behind a monitor socket, where it is a process of this host that can be seen. What is
/// asked of it is asked of this very process, whatever becomes of its number.
class QemuProcess {
 public:
  /// `peer` is who listens on the socket, by the kernel. It is QEMU only if it has the threads that
  /// QEMU says its vCPUs are: a forwarder (ssh, socat) has not. Nothing otherwise.
  static std::optional<QemuProcess> recognise(std::int64_t peer,
                                              const std::vector<std::int64_t>& vcpu_threads);

  [[nodiscard]] std::int64_t pid() const { return pid_; }
  /// In clock ticks since boot (/proc/PID/stat).
  [[nodiscard]] std::int64_t started() const { return started_; }
  /// It has ended, zombie or reaped.
  [[nodiscard]] bool ended() const;

 private:
  QemuProcess(UniqueFd handle, std::int64_t pid, std::int64_t started)
      : handle_(std::move(handle)), pid_(pid), started_(started) {}
  UniqueFd handle_;  ///< a pidfd
  std::int64_t pid_;
  std::int64_t started_;
};

/// For a message, of who opened a socket: "process 4711 (socat)"; empty where it can't be seen.
std::string process_name(std::int64_t pid);

}  // namespace godwit::qemu
