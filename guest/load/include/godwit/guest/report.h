// The lines a guest sends about itself, and the gap meter they carry.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

namespace godwit::guest {

enum class State { kFilling, kReady };

struct Report {
  State state = State::kFilling;
  std::int64_t seq = 0;
  std::int64_t clock_ms = 0;
  std::int64_t work = 0;
  std::int64_t longest_gap_ms = 0;
};

// One JSON object and a newline; format version 1.
[[nodiscard]] std::string format_report(const Report& report);

// The longest time between two ticks. tick() from one thread, take() from another.
class GapMeter {
 public:
  void tick(std::int64_t now_ns);
  // The longest gap that ended since the last call, in ms (rounded to nearest), and forgets it.
  [[nodiscard]] std::int64_t take_ms();

 private:
  std::int64_t last_ns_ = -1;
  std::atomic<std::int64_t> longest_ns_{0};
};

// What is on its way to a device that may be slow. Lines go out whole and in order; while one is
// stuck, the next ones are dropped (their `seq` is then missing) rather than queued: old reports
// are of no use, and a queue would hide that the line is too slow.
class LineBuffer {
 public:
  // False: the former line is still on its way, this one is dropped.
  bool offer(std::string line);
  [[nodiscard]] std::string_view pending() const;
  void sent(std::size_t bytes) { offset_ += bytes; }

 private:
  std::string line_;
  std::size_t offset_ = 0;
};

}  // namespace godwit::guest
