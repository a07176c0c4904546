#pragma once

#include <cstdio>
#include <string_view>

namespace godwit::terminal {

/// Lines that are drawn over and over at the end of a terminal; where there is none, nothing is
/// drawn. What is printed to the terminal otherwise needs a `clear` before.
class LiveText {
 public:
  /// Draws to `stream` unless that is null (Output::bar_stream).
  explicit LiveText(std::FILE* stream) : stream_(stream) {}
  ~LiveText() { clear(); }
  LiveText(const LiveText&) = delete;
  LiveText& operator=(const LiveText&) = delete;

  [[nodiscard]] bool visible() const { return stream_ != nullptr; }
  /// Lines that are longer than the terminal is wide are cut off by it.
  void draw(std::string_view lines);
  /// Takes the lines away.
  void clear();

 private:
  std::FILE* stream_;
  long drawn_ = 0;  ///< lines
};

}  // namespace godwit::terminal
