#include "bus_guard.h"

#include <sys/mman.h>

#include <cerrno>
#include <functional>
#include <mutex>

namespace godwit::guestmem {
namespace {

/// The kernel delivers SIGBUS to the thread that touched the address.
thread_local BusGuard* volatile guard_of_this_thread = nullptr;
struct sigaction before {};

}  // namespace

BusGuard::BusGuard(std::span<const std::byte> memory) : memory_(memory) {
  static std::once_flag once;
  std::call_once(once, install);
  guard_of_this_thread = this;
}

BusGuard::~BusGuard() {
  guard_of_this_thread = nullptr;
}

void BusGuard::install() {
  struct sigaction action {};
  action.sa_sigaction = on_bus_error;
  action.sa_flags = SA_SIGINFO | SA_NODEFER;
  sigemptyset(&action.sa_mask);
  ::sigaction(SIGBUS, &action, &before);
}

/// Only calls that a signal handler may make. On its return the touch is tried again: it reads a
/// zero, or, put back to `before`, is dealt with there.
void BusGuard::on_bus_error(int, siginfo_t* info, void*) {
  const int error = errno;
  BusGuard* const guard = guard_of_this_thread;
  const auto* const address = static_cast<const std::byte*>(info->si_addr);
  const std::less<> below;
  const bool ours = guard != nullptr && !below(address, guard->memory_.data()) &&
                    below(address, guard->memory_.data() + guard->memory_.size());
  // The whole mapping, since one of huge pages can't be replaced in part.
  if (ours && ::mmap(const_cast<std::byte*>(guard->memory_.data()), guard->memory_.size(),
                     PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED) {
    guard->hit_ = 1;
  } else {
    ::sigaction(SIGBUS, &before, nullptr);
  }
  errno = error;
}

}  // namespace godwit::guestmem
