#include "cdf_plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <utility>
#include <vector>

#include "godwit/base/statistics.h"
#include "godwit/terminal/svg.h"

namespace godwit::research {
namespace {

using evaluate::error_text;
using evaluate::EvaluatedPrediction;
using learn::Metric;
using terminal::kColours;

// All lengths in SVG's units.
constexpr int kWidth = 200;   // of a panel's plot
constexpr int kHeight = 120;  // of the same
constexpr int kGapX = 40;
constexpr int kGapY = 46;
constexpr int kLeft = 120;
constexpr int kTop = 70;
/// The axis ends where all but this share of the best model's errors are shown twice over.
constexpr double kShown = 0.9;
using Errors = std::vector<double>;
/// By model.
using Panel = std::map<std::string, Errors>;

template <class T>
std::vector<T> in_order_of_appearance(std::span<const EvaluatedPrediction> predictions,
                                      T EvaluatedPrediction::*key) {
  std::vector<T> seen;
  for (const EvaluatedPrediction& one : predictions) {
    if (std::find(seen.begin(), seen.end(), one.*key) == seen.end()) seen.push_back(one.*key);
  }
  return seen;
}

double error_of(const EvaluatedPrediction& one) {
  const double absolute = std::abs(one.predicted.value.p50 - one.actual);
  return evaluate::is_relative(one.metric) ? absolute / std::max(one.actual, 1e-12) : absolute;
}

/// Twice what most of the best model's errors stay below.
double axis_end(const Panel& panel) {
  double best = std::numeric_limits<double>::infinity();
  for (const auto& [model, errors] : panel) {
    if (model != evaluate::kRepeats) best = std::min(best, quantile(errors, kShown));
  }
  return std::max(std::isfinite(best) ? best * 2 : 0.0, 1e-3);
}

/// How a model's lines are drawn: dashed where all colours are taken.
std::string stroke_of(std::size_t model) {
  return fmt::format("stroke=\"{}\"{}", kColours[model % kColours.size()],
                     model < kColours.size() ? "" : " stroke-dasharray=\"4 2\"");
}

/// A staircase from (0, 0) to where the axis ends.
std::string line(Errors errors, double end, const std::string& stroke) {
  std::sort(errors.begin(), errors.end());
  std::string points = fmt::format("M0,{}", kHeight);
  double share = 0;
  for (const double error : errors) {
    if (error > end) break;
    share += 1.0 / static_cast<double>(errors.size());
    points += fmt::format("H{:.1f}V{:.1f}", error / end * kWidth, kHeight * (1 - share));
  }
  points += fmt::format("H{}", kWidth);
  return fmt::format("<path d=\"{}\" fill=\"none\" {} stroke-width=\"1.6\"/>\n", points, stroke);
}

std::string panel_svg(const Panel& panel, const std::vector<std::string>& models, Metric metric) {
  const double end = axis_end(panel);
  std::string svg = fmt::format(
      "<rect width=\"{0}\" height=\"{1}\" fill=\"none\" stroke=\"#bbb\"/>"
      "<path d=\"M0,{2}H{0}\" stroke=\"#ddd\"/>"
      "<text x=\"0\" y=\"{3}\">0</text><text x=\"{0}\" y=\"{3}\" text-anchor=\"end\">{4}</text>\n",
      kWidth, kHeight, kHeight / 10, kHeight + 14, error_text(metric, end));
  for (std::size_t i = 0; i < models.size(); ++i) {
    const auto found = panel.find(models[i]);
    if (found != panel.end()) svg += line(found->second, end, stroke_of(i));
  }
  return svg;
}

std::string legend(const std::vector<std::string>& models) {
  std::string svg;
  int x = kLeft;
  for (std::size_t i = 0; i < models.size(); ++i) {
    svg += fmt::format(
        "<path d=\"M{},24h22\" {} stroke-width=\"3\"/><text x=\"{}\" "
        "y=\"28\">{}</text>\n",
        x, stroke_of(i), x + 28, models[i]);
    x += 50 + 8 * static_cast<int>(models[i].size());
  }
  return svg;
}

}  // namespace

std::string cdf_svg(std::span<const EvaluatedPrediction> predictions) {
  const auto techniques = in_order_of_appearance(predictions, &EvaluatedPrediction::technique);
  const auto metrics = in_order_of_appearance(predictions, &EvaluatedPrediction::metric);
  const auto models = in_order_of_appearance(predictions, &EvaluatedPrediction::model);
  std::map<std::pair<std::string, Metric>, Panel> panels;
  for (const EvaluatedPrediction& one : predictions) {
    panels[{one.technique, one.metric}][one.model].push_back(error_of(one));
  }
  std::string body = legend(models);
  for (std::size_t column = 0; column < metrics.size(); ++column) {
    const int x = kLeft + static_cast<int>(column) * (kWidth + kGapX);
    body += fmt::format("<text x=\"{}\" y=\"{}\" font-weight=\"bold\">{}</text>\n", x, kTop - 10,
                        to_string(metrics[column]));
    for (std::size_t row = 0; row < techniques.size(); ++row) {
      const auto found = panels.find({techniques[row], metrics[column]});
      if (found == panels.end()) continue;
      const int y = kTop + static_cast<int>(row) * (kHeight + kGapY);
      body += fmt::format("<g transform=\"translate({},{})\">\n{}</g>\n", x, y,
                          panel_svg(found->second, models, metrics[column]));
    }
  }
  for (std::size_t row = 0; row < techniques.size(); ++row) {
    body += fmt::format("<text x=\"10\" y=\"{}\" font-weight=\"bold\">{}</text>\n",
                        kTop + static_cast<int>(row) * (kHeight + kGapY) + kHeight / 2,
                        techniques[row]);
  }
  const int width = kLeft + static_cast<int>(metrics.size()) * (kWidth + kGapX);
  const int height = kTop + static_cast<int>(techniques.size()) * (kHeight + kGapY);
  return terminal::svg_file(width, height, "Share of migrations whose error is at most so large",
                            body);
}

}  // namespace godwit::research
