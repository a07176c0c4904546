#include "godwit/terminal/chart.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

#include "godwit/terminal/svg.h"
#include "godwit/terminal/table.h"

namespace godwit::terminal {
namespace {

/// An axis from 0 to a round number.
struct Axis {
  double end = 0;
  double step = 0;
};

Axis axis_for(double most, double unit, double ticks) {
  const double step = tick_step(most / unit, ticks) * unit;
  return {std::ceil(most / step - 1e-9) * step, step};
}

/// What a chart's axes must hold; nothing where no line has a point above 0.
std::optional<ChartPoint> most_of(const Chart& chart) {
  ChartPoint most;
  for (const ChartLine& line : chart.lines) {
    for (const ChartPoint& point : line.points) {
      most = {std::max(most.x, point.x), std::max(most.y, point.y)};
    }
    for (const double high : line.high) most.y = std::max(most.y, high);
  }
  for (const double mark : chart.marks) most.x = std::max(most.x, mark);
  if (most.x <= 0 || most.y <= 0) return std::nullopt;
  return most;
}

bool has_interval(const ChartLine& line) {
  return !line.points.empty() && line.low.size() == line.points.size() &&
         line.high.size() == line.points.size();
}

/// Between two points in proportion; nothing before the first and after the last.
std::optional<double> value_at(const ChartLine& line, double x,
                               const std::function<double(std::size_t)>& y) {
  const auto& points = line.points;
  for (std::size_t i = 0; i + 1 < points.size(); ++i) {
    if (x < points[i].x || x > points[i + 1].x) continue;
    const double width = points[i + 1].x - points[i].x;
    const double share = width > 0 ? (x - points[i].x) / width : 1;
    return y(i) + share * (y(i + 1) - y(i));
  }
  if (points.size() == 1 && x == points.front().x) return y(0);
  return std::nullopt;
}

// --- on a terminal ---

constexpr std::size_t kColumns = 60;
constexpr std::size_t kRows = 12;
constexpr double kMostTextSteps = 3;
constexpr std::string_view kGround = " ";
constexpr std::string_view kBand = "░";
constexpr std::string_view kMark = "┊";
/// Of lines, in their order.
constexpr std::array<std::string_view, 4> kGlyphs{"●", "○", "+", "×"};

std::string_view glyph(std::size_t line) {
  return kGlyphs[line % kGlyphs.size()];
}

/// Cells of a chart, a row from top to bottom.
class Cells {
 public:
  Cells(const Chart& chart, const Axis& x, const Axis& y) : x_(x), y_(y) {
    for (auto& row : cells_) row.fill(kGround);
    for (const double mark : chart.marks) {
      for (auto& row : cells_) row[column(mark)] = kMark;
    }
    for (std::size_t i = chart.lines.size(); i-- > 0;) band(chart.lines[i]);
    for (std::size_t i = chart.lines.size(); i-- > 0;) line(chart.lines[i], glyph(i));
  }

  [[nodiscard]] std::string row(std::size_t number) const {
    std::string text;
    for (const std::string_view cell : cells_[number]) text += cell;
    return text;
  }
  [[nodiscard]] std::size_t row_of(double y) const {
    const double from_top = (1 - std::clamp(y / y_.end, 0.0, 1.0)) * (kRows - 1);
    return static_cast<std::size_t>(std::lround(from_top));
  }

 private:
  [[nodiscard]] std::size_t column(double x) const {
    return static_cast<std::size_t>(
        std::lround(std::clamp(x / x_.end, 0.0, 1.0) * static_cast<double>(kColumns - 1)));
  }
  [[nodiscard]] double x_of(std::size_t column) const {
    return static_cast<double>(column) / (kColumns - 1) * x_.end;
  }

  void band(const ChartLine& of) {
    if (!has_interval(of)) return;
    for (std::size_t c = 0; c < kColumns; ++c) {
      const auto low = value_at(of, x_of(c), [&of](std::size_t i) { return of.low[i]; });
      const auto high = value_at(of, x_of(c), [&of](std::size_t i) { return of.high[i]; });
      if (!low || !high) continue;
      for (std::size_t r = row_of(*high); r <= row_of(*low); ++r) cells_[r][c] = kBand;
    }
  }
  void line(const ChartLine& of, std::string_view cell) {
    for (std::size_t c = 0; c < kColumns; ++c) {
      const auto y = value_at(of, x_of(c), [&of](std::size_t i) { return of.points[i].y; });
      if (y) cells_[row_of(*y)][c] = cell;
    }
    for (const ChartPoint& point : of.points) cells_[row_of(point.y)][column(point.x)] = cell;
  }

  Axis x_;
  Axis y_;
  std::array<std::array<std::string_view, kColumns>, kRows> cells_{};
};

std::string text_legend(const Chart& chart) {
  std::string text;
  for (std::size_t i = 0; i < chart.lines.size(); ++i) {
    text += fmt::format("  {} {}", glyph(i), chart.lines[i].name);
  }
  const bool bands = std::any_of(chart.lines.begin(), chart.lines.end(), has_interval);
  return text + (bands ? fmt::format("  {} 90 % interval", kBand) : "") +
         (chart.marks.empty() ? "" : fmt::format("  {} an order", kMark));
}

std::string padded(const std::string& text, std::size_t width) {
  return std::string(width - std::min(width, width_of(text)), ' ') + text;
}

// --- as SVG, in its units ---

constexpr int kPlotLeft = 110;
constexpr int kPlotWidth = 600;
constexpr int kPlotRight = 30;
constexpr int kHead = 40;         // with the legend
constexpr int kPlotHeight = 200;  // of a chart's plot
constexpr int kFoot = 40;         // of a chart, its x axis
constexpr int kRangeRow = 24;     // of a range
constexpr int kRangeNames = 190;  // of ranges
constexpr int kTrack = 260;
constexpr double kMostSteps = 6;

std::string svg_text(double x, double y, std::string_view words, std::string_view attributes) {
  return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" {}>{}</text>\n", x, y, attributes,
                     xml_text(words));
}

class ChartDrawing {
 public:
  ChartDrawing(const Chart& chart, const ChartPoint& most)
      : chart_(chart),
        x_(axis_for(most.x, 1, kMostSteps)),
        y_(axis_for(most.y, chart.y_unit, kMostSteps - 2)) {}

  Drawing draw() {
    body_ = svg_text(kPlotLeft, 16, chart_.title, "font-weight=\"bold\"");
    grid();
    for (const double mark : chart_.marks) {
      body_ += fmt::format(
          "<path class=\"mark\" d=\"M{:.1f},{}V{}\" stroke=\"#999\" stroke-dasharray=\"3 3\"/>\n",
          x(mark), kHead, kHead + kPlotHeight);
    }
    for (std::size_t i = chart_.lines.size(); i-- > 0;) band(chart_.lines[i], i);
    for (std::size_t i = chart_.lines.size(); i-- > 0;) line(chart_.lines[i], i);
    legend();
    return {kPlotLeft + kPlotWidth + kPlotRight, kHead + kPlotHeight + kFoot, std::move(body_)};
  }

 private:
  [[nodiscard]] double x(double value) const { return kPlotLeft + kPlotWidth * value / x_.end; }
  [[nodiscard]] double y(double value) const { return kHead + kPlotHeight * (1 - value / y_.end); }
  static std::string_view colour(std::size_t line) { return kColours[line % kColours.size()]; }

  void grid() {
    for (double at = 0; at <= x_.end * (1 + 1e-9); at += x_.step) {
      body_ += fmt::format("<path d=\"M{:.1f},{}V{}\" stroke=\"#ddd\"/>\n", x(at), kHead,
                           kHead + kPlotHeight);
      body_ += svg_text(x(at), kHead + kPlotHeight + 18, at > 0 ? chart_.x_text(at) : "0",
                        "text-anchor=\"middle\"");
    }
    for (double at = 0; at <= y_.end * (1 + 1e-9); at += y_.step) {
      body_ += fmt::format("<path d=\"M{},{:.1f}h{}\" stroke=\"#ddd\"/>\n", kPlotLeft, y(at),
                           kPlotWidth);
      body_ += svg_text(kPlotLeft - 8, y(at) + 4, at > 0 ? chart_.y_text(at) : "0",
                        "text-anchor=\"end\"");
    }
  }

  void band(const ChartLine& of, std::size_t number) {
    if (!has_interval(of)) return;
    std::string path;
    for (std::size_t i = 0; i < of.points.size(); ++i) {
      path += fmt::format("{}{:.1f},{:.1f}", i == 0 ? "M" : "L", x(of.points[i].x), y(of.high[i]));
    }
    for (std::size_t i = of.points.size(); i-- > 0;) {
      path += fmt::format("L{:.1f},{:.1f}", x(of.points[i].x), y(of.low[i]));
    }
    body_ += fmt::format("<path class=\"band\" d=\"{}Z\" fill=\"{}\" fill-opacity=\"0.2\"/>\n",
                         path, colour(number));
  }

  void line(const ChartLine& of, std::size_t number) {
    std::string path;
    std::string dots;
    for (const ChartPoint& point : of.points) {
      path += fmt::format("{}{:.1f},{:.1f}", path.empty() ? "M" : "L", x(point.x), y(point.y));
      dots += fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3\" fill=\"{}\"/>", x(point.x),
                          y(point.y), colour(number));
    }
    if (path.empty()) return;
    body_ += fmt::format(
        "<path class=\"line\" d=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"1.6\"/>{}\n",
        path, colour(number), dots);
  }

  void legend() {
    int at = kPlotLeft;
    for (std::size_t i = 0; i < chart_.lines.size(); ++i) {
      const std::string& name = chart_.lines[i].name;
      body_ +=
          fmt::format("<path d=\"M{},29h22\" stroke=\"{}\" stroke-width=\"3\"/>", at, colour(i));
      body_ += svg_text(at + 28, 33, name, "");
      at += 50 + 8 * static_cast<int>(width_of(name));
    }
  }

  const Chart& chart_;
  Axis x_;
  Axis y_;
  std::string body_;
};

}  // namespace

std::string chart_text(const Chart& chart) {
  const auto most = most_of(chart);
  if (!most) return {};
  const Axis x{most->x, most->x};
  const Axis y = axis_for(most->y, chart.y_unit, kMostTextSteps);
  const Cells cells(chart, x, y);
  std::array<std::string, kRows> labels;
  for (double at = 0; at <= y.end * (1 + 1e-9); at += y.step) {
    labels[cells.row_of(at)] = at > 0 ? chart.y_text(at) : "0";
  }
  std::size_t widest = 0;
  for (const std::string& label : labels) widest = std::max(widest, width_of(label));
  std::string text = "  " + chart.title + "\n";
  for (std::size_t row = 0; row < kRows; ++row) {
    const bool tick = !labels[row].empty();
    std::string line =
        fmt::format("  {} {}{}", padded(labels[row], widest), tick ? "┤" : "│", cells.row(row));
    text += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  }
  const std::string end = chart.x_text(x.end);
  text += fmt::format("  {}  0{}\n", padded("", widest), padded(end, kColumns - 1));
  return text + text_legend(chart);
}

namespace {

/// "····───┼──●··": the interval, its median, and what it came to.
std::string track(const Range& row, std::size_t width) {
  std::vector<std::string_view> cells(width, "·");
  const auto cell = [&](double value) {
    const double share = std::clamp(value / std::max(row.end, 1e-12), 0.0, 1.0);
    return static_cast<std::size_t>(std::lround(share * static_cast<double>(width - 1)));
  };
  if (row.predicted) {
    const std::size_t last = cell(row.predicted->p95);
    for (std::size_t i = cell(row.predicted->p05); i <= last; ++i) cells[i] = "─";
    cells[cell(row.predicted->p50)] = "┼";
  }
  if (row.actual) cells[cell(*row.actual)] = "●";
  std::string text;
  for (const std::string_view one : cells) text += one;
  return text;
}

}  // namespace

std::string ranges_text(const Ranges& ranges) {
  if (ranges.rows.empty()) return {};
  constexpr std::size_t kPlaces = 40;
  std::size_t widest = 0;
  bool actual = false;
  for (const Range& row : ranges.rows) {
    widest = std::max(widest, width_of(row.name));
    actual = actual || row.actual;
  }
  std::string text = "  " + ranges.title + "\n";
  for (const Range& row : ranges.rows) {
    text += fmt::format("  {}{}  {}  {}\n", row.name, padded("", widest - width_of(row.name)),
                        track(row, kPlaces), row.text);
  }
  return text + fmt::format("  ─ 90 % interval  ┼ median{}", actual ? "  ● actual" : "");
}

Drawing draw(const Chart& chart) {
  const auto most = most_of(chart);
  return most ? ChartDrawing(chart, *most).draw() : Drawing{};
}

Drawing draw(const Ranges& ranges) {
  if (ranges.rows.empty()) return {};
  std::string body = svg_text(10, 16, ranges.title, "font-weight=\"bold\"");
  int y = kHead;
  for (const Range& row : ranges.rows) {
    const auto x = [&row](double value) {
      return kRangeNames + kTrack * std::clamp(value / std::max(row.end, 1e-12), 0.0, 1.0);
    };
    body += svg_text(kRangeNames - 10, y + 4, row.name, "text-anchor=\"end\"");
    body += fmt::format("<path d=\"M{},{}h{}\" stroke=\"#ddd\"/>\n", kRangeNames, y, kTrack);
    if (row.predicted) {
      body += fmt::format(
          "<path class=\"range\" d=\"M{:.1f},{}H{:.1f}\" stroke=\"{}\" stroke-width=\"8\" "
          "stroke-opacity=\"0.35\"/><path d=\"M{:.1f},{}v12\" stroke=\"{}\" "
          "stroke-width=\"2\"/>\n",
          x(row.predicted->p05), y, x(row.predicted->p95), kColours[0], x(row.predicted->p50),
          y - 6, kColours[0]);
    }
    if (row.actual) {
      body +=
          fmt::format("<circle class=\"actual\" cx=\"{:.1f}\" cy=\"{}\" r=\"4\" fill=\"{}\"/>\n",
                      x(*row.actual), y, kColours[1]);
    }
    body += svg_text(kRangeNames + kTrack + 12, y + 4, row.text, "");
    y += kRangeRow;
  }
  return {kPlotLeft + kPlotWidth + kPlotRight, y, std::move(body)};
}

std::string svg_of(std::string_view title, std::span<const Drawing> drawings) {
  std::string body;
  int width = 0;
  int height = 0;
  for (const Drawing& one : drawings) {
    if (one.height == 0) continue;
    body += fmt::format("<g transform=\"translate(0,{})\">\n{}</g>\n", height, one.body);
    width = std::max(width, one.width);
    height += one.height + kRangeRow / 2;
  }
  return svg_file(width, height, title, body);
}

}  // namespace godwit::terminal
