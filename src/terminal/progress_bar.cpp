#include "godwit/terminal/progress_bar.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "godwit/base/quantity.h"

namespace godwit::terminal {
namespace {
constexpr int kCells = 32;
constexpr Seconds kRedraw{0.1};
}  // namespace

std::string bar_line(double done, std::optional<Seconds> left, std::string_view label,
                     std::string_view note) {
  const double share = std::clamp(done, 0.0, 1.0);
  const int full = static_cast<int>(share * kCells);
  std::string cells;
  for (int i = 0; i < kCells; ++i) cells += i < full ? "━" : "─";
  const std::string eta = left ? fmt::format("{} left", human(std::max(*left, Seconds(0)))) : "";
  return fmt::format("  {:<10} {} {:>3.0f} %  {:<12} {}", label, cells, share * 100, eta, note);
}

ProgressBar::~ProgressBar() {
  clear();
}

void ProgressBar::draw(double done, std::optional<Seconds> left, std::string_view label,
                       std::string_view note) {
  if (stream_ == nullptr) return;
  const TimePoint now = clock_.now();
  if (drawn_ && now - last_ < kRedraw) return;
  last_ = now;
  drawn_ = true;
  std::fputs(("\r\x1b[K" + bar_line(done, left, label, note)).c_str(), stream_);
  std::fflush(stream_);
}

void ProgressBar::clear() {
  if (!drawn_) return;
  std::fputs("\r\x1b[K", stream_);
  std::fflush(stream_);
  drawn_ = false;
}

}  // namespace godwit::terminal
