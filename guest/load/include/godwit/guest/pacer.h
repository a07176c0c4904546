// How much work an open-loop load owes at a given time.
#pragma once

#include <cstdint>

namespace godwit::guest {

// An open loop: work falls due with the clock, whether or not the earlier work got done, as
// requests reach a server. What fell due more than `kBacklogNs` ago is dropped for good: after a
// long stall the load resumes at its rate with at most this much to catch up, instead of answering
// a second's stall with a burst that no real load would make.
// Single-threaded; the times given must not decrease.
class Pacer {
 public:
  static constexpr std::int64_t kBacklogNs = 100'000'000;

  // Both > 0. A unit is what is done at once: the bytes of a page, of a disk block, of a message.
  Pacer(std::int64_t bytes_per_s, std::int64_t unit_bytes, std::int64_t start_ns);

  // Units owed at `now_ns`: due, not yet done and not dropped.
  [[nodiscard]] std::int64_t owed(std::int64_t now_ns);
  void done(std::int64_t units) { settled_ += units; }
  [[nodiscard]] std::int64_t dropped() const { return dropped_; }

 private:
  [[nodiscard]] std::int64_t due(std::int64_t elapsed_ns) const;

  std::int64_t bytes_per_s_;
  std::int64_t unit_bytes_;
  std::int64_t start_ns_;
  std::int64_t settled_ = 0;  // done or dropped since start
  std::int64_t dropped_ = 0;
};

}  // namespace godwit::guest
