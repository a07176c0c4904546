#include "godwit/guest/report.h"

#include <utility>

namespace godwit::guest {
namespace {

// Only what a system error says comes here, but a quote in it must not break the line.
std::string json_text(std::string_view text) {
  std::string json = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') json += '\\';
    json += c < ' ' ? ' ' : c;
  }
  return json + '"';
}

std::string format_load(const LoadReport& load) {
  std::string text = R"({"load":)" + json_text(load.load);
  text += R"(,"work":)" + std::to_string(load.work);
  if (load.lost) text += R"(,"lost":)" + std::to_string(*load.lost);
  if (load.out_of_order) text += R"(,"out_of_order":)" + std::to_string(*load.out_of_order);
  if (!load.failed.empty()) text += R"(,"failed":)" + json_text(load.failed);
  return text + "}";
}

}  // namespace

std::string format_report(const Report& report) {
  std::string line = R"({"v":1,"state":")";
  line += report.state == State::kReady ? "ready" : "filling";
  line += R"(","seq":)" + std::to_string(report.seq);
  line += R"(,"clock_ms":)" + std::to_string(report.clock_ms);
  line += R"(,"work":)" + std::to_string(report.work);
  line += R"(,"longest_gap_ms":)" + std::to_string(report.longest_gap_ms);
  line += R"(,"changes":)" + std::to_string(report.changes);
  for (std::size_t i = 0; i < report.works.size(); ++i) {
    line += (i == 0 ? R"(,"works":[)" : ",") + format_load(report.works[i]);
  }
  if (!report.works.empty()) line += "]";
  line += "}\n";
  return line;
}

void GapMeter::tick(std::int64_t now_ns) {
  const std::int64_t gap_ns = last_ns_ < 0 ? 0 : now_ns - last_ns_;
  last_ns_ = now_ns;
  std::int64_t longest_ns = longest_ns_.load(std::memory_order_relaxed);
  while (gap_ns > longest_ns &&
         !longest_ns_.compare_exchange_weak(longest_ns, gap_ns, std::memory_order_relaxed)) {
  }
}

std::int64_t GapMeter::take_ms() {
  return (longest_ns_.exchange(0, std::memory_order_relaxed) + 500'000) / 1'000'000;
}

bool LineBuffer::offer(std::string line) {
  if (!pending().empty()) return false;
  line_ = std::move(line);
  offset_ = 0;
  return true;
}

std::string_view LineBuffer::pending() const {
  return std::string_view(line_).substr(offset_);
}

}  // namespace godwit::guest
