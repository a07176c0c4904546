#include "godwit/base/stop_fd.h"

#include <sys/eventfd.h>

namespace godwit {

void StopFd::Signal::operator()() const {
  (void)eventfd_write(fd, 1);
}

StopFd::StopFd(const std::stop_token& stop)
    : fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)), on_stop_(stop, Signal{fd_.get()}) {}

}  // namespace godwit
