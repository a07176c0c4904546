#include "line.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "delayed_frames.h"
#include "detached.h"
#include "godwit/base/clock.h"
#include "keeper.h"
#include "netns.h"
#include "network.h"
#include "paths.h"
#include "processes.h"

namespace godwit::lab {
namespace {

/// What the kernel puts before each frame: what is left for a network card to do. So frames of many
/// segments stay whole on their way, which is what makes a process fast enough.
constexpr std::size_t kHeader = 10;  // sizeof(virtio_net_hdr), of a header that is no C++
/// The kernel's largest (64 KiB of TCP), with room for headers.
constexpr std::size_t kLargestFrame = 68 << 10;
/// The fastest network at the longest round trip has 500 MB under way each way (spec.cpp).
constexpr Bytes kMostUnderWay{1LL << 30};
/// From one host at a time, so that none waits for another.
constexpr int kFramesAtOnce = 64;
constexpr int kFirstEnd = 3;  // see detach()

std::string pid_file_of(const std::string& lab) {
  return lab_folder(lab) + "/line.pid";
}

class Line {
 public:
  Line(std::size_t ends, Seconds delay) : frames_(delay, kMostUnderWay) {
    for (std::size_t i = 0; i < ends; ++i) {
      polled_.push_back({kFirstEnd + static_cast<int>(i), POLLIN, 0});
    }
  }
  /// Something whose end ends it, too.
  void end_with(int fd) { polled_.push_back({fd, POLLIN, 0}); }

  void carry(std::size_t ends) {
    for (;;) {
      await();
      for (std::size_t i = 0; i < ends; ++i) {
        if ((polled_[i].revents & POLLIN) != 0) take(i);
        // a device that is gone would be ready for ever
        if ((polled_[i].revents & (POLLERR | POLLHUP | POLLNVAL)) != 0) polled_[i].fd = -1;
      }
      deliver(ends);
      if (polled_.size() > ends && polled_[ends].revents != 0) return;
    }
  }

 private:
  void await() {
    timespec rest{};
    const auto due = frames_.next_due();
    if (due) {
      const auto left = std::max(*due - clock_.now(), Seconds(0));
      const auto ns = std::chrono::duration_cast<Nanoseconds>(left).count();
      rest = {static_cast<time_t>(ns / 1'000'000'000), static_cast<long>(ns % 1'000'000'000)};
    }
    if (ppoll(polled_.data(), polled_.size(), due ? &rest : nullptr, nullptr) >= 0) return;
    for (pollfd& one : polled_) one.revents = 0;
  }

  void take(std::size_t end) {
    for (int i = 0; i < kFramesAtOnce; ++i) {
      const ssize_t got = read(polled_[end].fd, buffer_.data(), buffer_.size());
      if (got < static_cast<ssize_t>(kHeader)) return;
      frames_.push(end, std::span(buffer_).first(static_cast<std::size_t>(got)), clock_.now());
    }
  }

  /// What a host can't take, as its interface is down, is lost.
  void deliver(std::size_t ends) {
    while (const DelayedFrames::Frame* frame = frames_.due(clock_.now())) {
      const auto content = std::span(frame->bytes).subspan(kHeader);
      for (std::size_t to = 0; to < ends; ++to) {
        if (!is_for(content, frame->from, to)) continue;
        (void)!write(polled_[to].fd, frame->bytes.data(), frame->bytes.size());
      }
      frames_.pop();
    }
  }

  RealClock clock_;
  DelayedFrames frames_;
  std::vector<pollfd> polled_;
  std::array<std::byte, kLargestFrame> buffer_{};
};

/// As punctual as the kernel lets it be.
void be_punctual() {
  prctl(PR_SET_TIMERSLACK, 1);  // ns
  const sched_param first{1};
  (void)sched_setscheduler(0, SCHED_RR, &first);  // root's alone
}

void become_line(const LabSpec& spec, const std::vector<UniqueFd>& ends, const UniqueFd& report) {
  std::ofstream(pid_file_of(spec.name)) << getpid() << std::endl;
  std::vector<int> kept;
  for (const UniqueFd& end : ends) kept.push_back(end.get());
  const int keeper = entered_keeper_fd();
  if (keeper >= 0) kept.push_back(keeper);
  Line line(ends.size(), spec.round_trip / 2);
  if (keeper >= 0) line.end_with(kFirstEnd + static_cast<int>(ends.size()));
  be_punctual();
  if (detach("godwit-line", kept, report)) line.carry(ends.size());
}

}  // namespace

Result<UniqueFd> make_line_end(const std::string& netns) {
  GODWIT_CHECK_OK(check_tun());
  return in_netns(netns, []() -> Result<UniqueFd> {
    UniqueFd tun(open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK));
    ifreq request{};
    std::strncpy(request.ifr_name, kMigrationInterface, IFNAMSIZ - 1);
    request.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
    constexpr unsigned long kLeftToCards = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6;
    if (ioctl(tun.get(), TUNSETIFF, &request) != 0 ||
        ioctl(tun.get(), TUNSETOFFLOAD, kLeftToCards) != 0) {
      return fail(errno_error("making an interface of the migration network", errno));
    }
    return tun;
  });
}

Result<void> start_line(const LabLock& lock, const LabSpec& spec,
                        const std::vector<UniqueFd>& ends) {
  // born in the switch's namespace, by which the lab knows its processes
  return in_netns(netns_path(netns_name(lock.lab(), kSwitch)), [&] {
    return start_detached("starting the migration network",
                          [&](const UniqueFd& report) { become_line(spec, ends, report); });
  });
}

bool line_runs(const std::string& lab) {
  std::ifstream file(pid_file_of(lab));
  pid_t pid = 0;
  if (!(file >> pid) || pid <= 0) return false;
  const std::string where = namespace_of(netns_name(lab, kSwitch));
  return !where.empty() && facts_of(pid).network_namespace == where;
}

}  // namespace godwit::lab
