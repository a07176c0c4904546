#include "stop.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

namespace godwit::guest {

StopSignal::StopSignal() : fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (fd_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
}

StopSignal::~StopSignal() {
  close(fd_);
}

void StopSignal::ask() {
  asked_ = true;
  eventfd_write(fd_, 1);
}

bool Until::wait(std::span<pollfd> fds_and_spare) const {
  fds_and_spare.back() = {stop_.fd(), POLLIN, 0};
  const std::int64_t left_ns = deadline_ns_ == kNever ? 0 : deadline_ns_ - now_ns();
  if (left_ns < 0) return false;
  const timespec left{left_ns / 1'000'000'000, left_ns % 1'000'000'000};
  const int ready = ppoll(fds_and_spare.data(), fds_and_spare.size(),
                          deadline_ns_ == kNever ? nullptr : &left, nullptr);
  return ready > 0 && !stop_.asked();
}

void Until::wait() const {
  std::array<pollfd, 1> spare{};
  while (!reached()) wait(spare);
}

}  // namespace godwit::guest
