#include "godwit/terminal/live_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

namespace godwit::terminal {
namespace {

// ECMA-48, and DEC's private mode 7 (lines wrap), which every terminal emulator knows.
constexpr std::string_view kNoWrap = "\x1b[?7l";
constexpr std::string_view kWrap = "\x1b[?7h";
constexpr std::string_view kClearBelow = "\x1b[J";

std::string up(long lines) {
  return lines > 0 ? fmt::format("\x1b[{}F", lines) : "";
}

}  // namespace

void LiveText::draw(std::string_view lines) {
  if (stream_ == nullptr) return;
  fmt::print(stream_, "{}{}{}{}\n{}", up(drawn_), kClearBelow, kNoWrap, lines, kWrap);
  std::fflush(stream_);
  drawn_ = 1 + std::count(lines.begin(), lines.end(), '\n');
}

void LiveText::clear() {
  if (drawn_ == 0) return;
  fmt::print(stream_, "{}{}", up(drawn_), kClearBelow);
  std::fflush(stream_);
  drawn_ = 0;
}

}  // namespace godwit::terminal
