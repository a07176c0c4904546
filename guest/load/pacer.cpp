#include "godwit/guest/pacer.h"

namespace godwit::guest {
namespace {
__extension__ using Wide = __int128;
constexpr Wide kNsPerSecond = 1'000'000'000;
}  // namespace

Pacer::Pacer(std::int64_t bytes_per_s, std::int64_t unit_bytes, std::int64_t start_ns)
    : bytes_per_s_(bytes_per_s), unit_bytes_(unit_bytes), start_ns_(start_ns) {}

// Always from the start, never slice by slice: fractions of a unit are not lost.
std::int64_t Pacer::due(std::int64_t elapsed_ns) const {
  if (elapsed_ns <= 0) return 0;
  return static_cast<std::int64_t>(Wide{bytes_per_s_} * elapsed_ns / (kNsPerSecond * unit_bytes_));
}

std::int64_t Pacer::owed(std::int64_t now_ns) {
  const std::int64_t elapsed_ns = now_ns - start_ns_;
  const std::int64_t too_old = due(elapsed_ns - kBacklogNs) - settled_;
  if (too_old > 0) {
    settled_ += too_old;
    dropped_ += too_old;
  }
  const std::int64_t owed = due(elapsed_ns) - settled_;
  return owed > 0 ? owed : 0;
}

}  // namespace godwit::guest
