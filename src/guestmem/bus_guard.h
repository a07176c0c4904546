#pragma once

#include <csignal>
#include <cstddef>
#include <span>

namespace godwit::guestmem {

/// While one lives, its thread may touch a mapping whose file somebody else may cut short. A touch
/// behind the file's end raises SIGBUS, which would end the process; here the whole range turns
/// into zeros instead, for good, and `hit()` says so. SIGBUS of any other address goes the way that
/// it would have gone. One at a time in a thread.
class BusGuard {
 public:
  /// `memory` is a whole mapping.
  explicit BusGuard(std::span<const std::byte> memory);
  ~BusGuard();
  BusGuard(const BusGuard&) = delete;
  BusGuard& operator=(const BusGuard&) = delete;

  [[nodiscard]] bool hit() const { return hit_ != 0; }

 private:
  static void install();
  static void on_bus_error(int number, siginfo_t* info, void* context);

  std::span<const std::byte> memory_;
  volatile std::sig_atomic_t hit_ = 0;
};

}  // namespace godwit::guestmem
