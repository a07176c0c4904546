#include "reporter.h"

#include <fcntl.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <system_error>
#include <utility>
#include <vector>

#include "ticker.h"

namespace godwit::guest {
namespace {

void make_raw(int fd) {
  termios settings{};
  if (tcgetattr(fd, &settings) != 0) return;  // not a terminal
  cfmakeraw(&settings);
  settings.c_cflag |= CLOCAL;
  cfsetspeed(&settings, B115200);
  tcsetattr(fd, TCSANOW, &settings);
}

// A load of its own line: where there are several, or where it has more to say than its work.
std::vector<LoadReport> loads_of(const Telemetry& telemetry) {
  std::vector<LoadReport> loads;
  bool more = telemetry.loads > 1;
  for (std::size_t i = 0; i < telemetry.loads; ++i) {
    const Counters& slot = telemetry.slots.at(i);
    LoadReport load;
    load.load = name_of(slot.kind);
    load.work = slot.work - slot.work_base;
    if (slot.lost >= 0) load.lost = slot.lost;
    if (slot.out_of_order >= 0) load.out_of_order = slot.out_of_order;
    if (const std::string* why = slot.failed; why != nullptr) load.failed = *why;
    more = more || load.lost || !load.failed.empty();
    loads.push_back(std::move(load));
  }
  if (!more) loads.clear();
  return loads;
}

}  // namespace

Reporter::Reporter(const std::string& path) : fd_(STDOUT_FILENO) {
  if (path == "-") return;
  // Non-blocking: a line that takes nothing costs lines, never time.
  fd_ = open(path.c_str(), O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (fd_ < 0) throw std::system_error(errno, std::generic_category(), path);
  make_raw(fd_);
}

Reporter::~Reporter() {
  if (fd_ != STDOUT_FILENO) close(fd_);
}

void Reporter::run(const StopSignal& stop, Telemetry& telemetry) {
  prefer_this_thread();
  const Beat beat(kReportNs);
  while (!stop.asked()) {
    send(telemetry);
    beat.wait_next();
  }
  send(telemetry);
}

void Reporter::send(Telemetry& telemetry) {
  flush();
  Report report;
  report.state = telemetry.state.load(std::memory_order_relaxed);
  report.seq = seq_++;
  report.clock_ms = now_ns() / kNsPerMs;
  report.work = telemetry.work();
  report.longest_gap_ms = telemetry.gaps.take_ms();
  report.changes = telemetry.changes;
  report.works = loads_of(telemetry);
  std::string line = format_report(report);
  // Whoever reads it just now gets the one before: this thread waits for nobody.
  if (const std::unique_lock lock(newest_mutex_, std::try_to_lock); lock) newest_ = line;
  if (line_.offer(std::move(line))) flush();
}

std::string Reporter::newest() {
  const std::lock_guard lock(newest_mutex_);
  return newest_;
}

void Reporter::flush() {
  while (!line_.pending().empty()) {
    const ssize_t sent = write(fd_, line_.pending().data(), line_.pending().size());
    if (sent > 0) {
      line_.sent(static_cast<std::size_t>(sent));
    } else if (sent < 0 && errno == EINTR) {
      continue;
    } else {
      if (sent < 0 && errno != EAGAIN && !failed_) {
        failed_ = true;
        std::fprintf(stderr, "guest-load: reporting fails: %s\n", std::strerror(errno));
      }
      return;
    }
  }
}

}  // namespace godwit::guest
