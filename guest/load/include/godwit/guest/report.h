// The lines a guest sends about itself, and the gap meter they carry.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace godwit::guest {

enum class State { kFilling, kReady };

// One load of several, or one that counts more than its work.
struct LoadReport {
  std::string_view load{};  // its kind's name
  std::int64_t work = 0;    // since this load began
  std::optional<std::int64_t> lost{};
  std::optional<std::int64_t> out_of_order{};
  std::string failed{};  // why it does nothing any more; empty: it goes on
};

struct Report {
  State state = State::kFilling;
  std::int64_t seq = 0;
  std::int64_t clock_ms = 0;
  std::int64_t work = 0;  // of all loads since the program began
  std::int64_t longest_gap_ms = 0;
  std::int64_t changes = 0;         // how often the load was changed
  std::vector<LoadReport> works{};  // left out when there is nothing to tell apart
};

// One JSON object and a newline; format version 1, to which keys may be added.
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
