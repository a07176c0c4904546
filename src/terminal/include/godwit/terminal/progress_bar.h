#pragma once

#include <cstdio>
#include <optional>
#include <string>
#include <string_view>

#include "godwit/base/clock.h"
#include "godwit/base/units.h"

namespace godwit::terminal {

/// One line that is drawn over and over on a terminal; where there is none, nothing is drawn.
class ProgressBar {
 public:
  /// Draws to `stream` unless that is null (Output::bar_stream). `clock` limits redraws.
  ProgressBar(const Clock& clock, std::FILE* stream) : clock_(clock), stream_(stream) {}
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  /// `done` in 0…1; `note` stands at the end of the line.
  void draw(double done, std::optional<Seconds> left, std::string_view label,
            std::string_view note = {});
  /// Takes the line away.
  void clear();

 private:
  const Clock& clock_;
  std::FILE* stream_;
  bool drawn_ = false;
  TimePoint last_{};
};

/// The line itself, e.g. `migrating ━━━━━━━━────────  52 %  2.10 s left  round 2`. Pure.
[[nodiscard]] std::string bar_line(double done, std::optional<Seconds> left, std::string_view label,
                                   std::string_view note);

}  // namespace godwit::terminal
