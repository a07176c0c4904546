#include <fmt/format.h>
#include <poll.h>
#include <sys/inotify.h>

#include <array>
#include <cerrno>
#include <fstream>
#include <optional>
#include <string>

#include "await_boot.h"
#include "godwit/base/clock.h"
#include "godwit/base/stop_fd.h"
#include "godwit/base/unique_fd.h"
#include "godwit/lab/guest_report.h"
#include "godwit/lab/lab.h"
#include "processes.h"
#include "wait_on.h"

namespace godwit::lab {
namespace {

/// A file that grows by lines.
class Tail {
 public:
  explicit Tail(const std::string& path) : file_(path, std::ios::binary) {}
  template <class OnLine>
  void read(OnLine&& on_line) {
    std::array<char, 4096> buffer{};
    do {
      file_.clear();
      file_.read(buffer.data(), buffer.size());
      lines_.feed({buffer.data(), static_cast<std::size_t>(file_.gcount())}, on_line);
    } while (file_.gcount() > 0);
  }

 private:
  std::ifstream file_;
  LineFollower lines_;
};

/// What has been heard of a guest while it boots.
class BootWatch {
 public:
  BootWatch(const std::string& guest, const Instance& instance, BootedTo booted_to)
      : guest_(guest),
        console_(instance.console),
        report_(instance.report),
        booted_to_(booted_to) {}

  /// True once it is there; an error once it is clear that it never will be.
  Result<bool> look() {
    report_.read([this](std::string_view line) {
      const auto report = parse_report_line(line);
      ready_ = ready_ || (report && report->ready);
    });
    console_.read([this](std::string_view line) { hear(line); });
    if (complaint_) {
      return fail(ErrorCode::kPeerGone,
                  fmt::format("the kernel of guest {} failed: {}", guest_, *complaint_),
                  "build the lab anew: godwit lab down, godwit lab up");
    }
    if (refused_) {
      return fail(ErrorCode::kBadInput,
                  fmt::format("guest {} refused its load: {}", guest_, *refused_),
                  "say idle, or for example memory-write,set=64MiB,rate=10MB/s");
    }
    return booted_to_ == BootedTo::kWork ? ready_ : waits_;
  }

 private:
  void hear(std::string_view line) {
    while (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    if (!complaint_) complaint_ = kernel_complaint(line);
    if (line.starts_with("guest-load: ")) load_said_ = line;
    if (waits_to_be_told(line)) waits_ = true;
    // guest/init says so when the load program ends, which it does only when it can't run
    if (line.find("godwit: guest-load exited") != std::string_view::npos) refused_ = load_said_;
  }

  std::string guest_;
  Tail console_;
  Tail report_;
  BootedTo booted_to_;
  bool ready_ = false;
  bool waits_ = false;
  std::string load_said_;
  std::optional<std::string> complaint_;
  std::optional<std::string> refused_;
};

Result<UniqueFd> watch_files(const Instance& instance) {
  UniqueFd watch(inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!watch.valid()) return fail(errno_error("watching files", errno));
  for (const std::string& path : {instance.console, instance.report}) {
    if (inotify_add_watch(watch.get(), path.c_str(), IN_MODIFY) < 0) {
      return fail(errno_error(fmt::format("watching {}", path), errno));
    }
  }
  return watch;
}

void drain(const UniqueFd& fd) {
  std::array<char, 4096> buffer{};
  while (read(fd.get(), buffer.data(), buffer.size()) > 0) {
  }
}

Result<void> await(BootWatch& boot, const std::string& guest, const UniqueFd& files,
                   const UniqueFd& process, const StopFd& stopped, Seconds patience) {
  const RealClock clock;
  const TimePoint deadline = clock.now() + patience;
  for (;;) {
    GODWIT_TRY(const bool ready, boot.look());
    if (ready) return {};
    const double left_ms = Milliseconds(deadline - clock.now()).count();
    if (left_ms <= 0) {
      return fail(ErrorCode::kTimeout,
                  fmt::format("guest {} was not ready after {:.0f} s", guest, patience.count()),
                  "give it more time, or look at its console file");
    }
    std::array<pollfd, 3> fds{pollfd{files.get(), POLLIN, 0}, pollfd{process.get(), POLLIN, 0},
                              pollfd{stopped.get(), POLLIN, 0}};
    poll(fds.data(), fds.size(), static_cast<int>(left_ms) + 1);
    if (fds[2].revents != 0) {
      return fail(ErrorCode::kInterrupted, fmt::format("waiting for guest {} was stopped", guest),
                  "nothing is wrong with it: run the command again to wait for it");
    }
    if (fds[1].revents != 0) {
      return fail(ErrorCode::kPeerGone,
                  fmt::format("the QEMU of guest {} ended while it booted", guest),
                  "build the lab anew: godwit lab down, godwit lab up");
    }
    drain(files);
  }
}

}  // namespace

Result<void> wait_ready(const std::string& lab, const std::string& guest, Seconds patience,
                        std::stop_token stop) {
  GODWIT_TRY(const GuestStatus status, find_guest(lab, guest));
  return await_boot(guest, status.instances.front(), BootedTo::kWork, patience, stop);
}

Result<void> await_boot(const std::string& guest, const Instance& instance, BootedTo booted_to,
                        Seconds patience, const std::stop_token& stop) {
  const UniqueFd process = pin_process(static_cast<pid_t>(instance.pid));
  if (instance.pid == 0 || !process.valid()) {
    return fail(ErrorCode::kPeerGone, fmt::format("the QEMU of guest {} is gone", guest),
                "build the lab anew: godwit lab down, godwit lab up");
  }
  const StopFd stopped(stop);
  GODWIT_TRY(const UniqueFd files, watch_files(instance));
  BootWatch boot(guest, instance, booted_to);
  return await(boot, guest, files, process, stopped, patience);
}

}  // namespace godwit::lab
