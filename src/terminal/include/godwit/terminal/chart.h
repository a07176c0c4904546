#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "godwit/domain/prediction.h"

/// Pictures as values, each drawn on a terminal or as a part of an SVG file. Pure.

namespace godwit::terminal {

/// What a number is called on an axis: "4.00 s".
using Label = std::function<std::string(double)>;

struct ChartPoint {
  double x = 0;
  double y = 0;
};

struct ChartLine {
  std::string name;
  std::vector<ChartPoint> points;  ///< ascending x, neither negative
  /// Bounds of each point's 90 % interval; both empty where there is none.
  std::vector<double> low{};
  std::vector<double> high{};
};

/// Quantities over another, both axes from 0. The first line is drawn above the others.
struct Chart {
  std::string title;
  std::vector<ChartLine> lines;
  std::vector<double> marks{};  ///< at these x something happened
  Label x_text;
  Label y_text;
  double y_unit = 1;  ///< steps of the axis are round in it: 1 << 20 for MiB
};

/// A predicted quantity and what it came to.
struct Range {
  std::string name;
  std::optional<Interval<double>> predicted;
  std::optional<double> actual;
  double end = 0;    ///< of the row's axis, which begins at 0
  std::string text;  ///< the same in words
};

struct Ranges {
  std::string title;
  std::vector<Range> rows;
};

/// Lines without a trailing newline; empty where there is nothing to draw.
[[nodiscard]] std::string chart_text(const Chart& chart);
[[nodiscard]] std::string ranges_text(const Ranges& ranges);

/// A part of an SVG file, from (0, 0).
struct Drawing {
  int width = 0;
  int height = 0;  ///< 0: there is nothing to draw
  std::string body;
};
[[nodiscard]] Drawing draw(const Chart& chart);
[[nodiscard]] Drawing draw(const Ranges& ranges);
/// One SVG file of all of them, one below the other.
[[nodiscard]] std::string svg_of(std::string_view title, std::span<const Drawing> drawings);

}  // namespace godwit::terminal
