#include "reporter.h"

#include <fcntl.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <system_error>

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

void Reporter::run(const std::stop_token& stop, Telemetry& telemetry) {
  prefer_this_thread();
  const Beat beat(kReportNs);
  while (!stop.stop_requested()) {
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
  report.work = telemetry.work.load(std::memory_order_relaxed);
  report.longest_gap_ms = telemetry.gaps.take_ms();
  if (line_.offer(format_report(report))) flush();
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
