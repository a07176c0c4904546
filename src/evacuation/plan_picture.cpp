#include "plan_picture.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <vector>

#include "fleet_text.h"
#include "godwit/base/quantity.h"
#include "godwit/fleet/link_use.h"
#include "godwit/terminal/html_page.h"
#include "godwit/terminal/spelling.h"
#include "godwit/terminal/svg.h"

namespace godwit::evacuation {
namespace {

// All lengths in SVG's units.
constexpr int kNames = 160;    // at the left
constexpr int kChart = 640;    // from the plan's start to its end
constexpr int kRemarks = 260;  // at the right
constexpr int kMove = 20;      // height of a move's row
constexpr int kBar = 12;
constexpr int kUse = 40;   // height of a link's row
constexpr int kLine = 18;  // of text
/// Links that are shown: the busiest.
constexpr std::size_t kMostLinks = 12;
constexpr double kMostTicks = 8;

class PlanPicture {
 public:
  PlanPicture(const fleet::FleetPlan& plan, const Network& network)
      : plan_(plan), uses_(link_use(plan, network)) {
    if (uses_.size() > kMostLinks) uses_.resize(kMostLinks);
    for (const fleet::PlannedMove& move : plan.moves) end_ = std::max(end_, move.finish.p95);
    end_ = std::max({end_, plan.finish.p95, Seconds(1e-3)});
  }

  std::string draw(const std::string& what) {
    int y = kLine;
    const std::string promise = fmt::format(
        "{} after {} ({} … {} in 90 % of cases; lower bound {})", what, human(plan_.finish.p50),
        human(plan_.finish.p05), human(plan_.finish.p95), human(plan_.lower_bound));
    body_ += text(10, y, promise, "font-weight=\"bold\"");
    for (const fleet::Blocked& one : plan_.blockers) {
      body_ += text(10, y += kLine,
                    fmt::format("VM {} can't go: {}; {}", one.vm, one.reason,
                                one.what_to_do.text(&terminal::option)),
                    "fill=\"#d55e00\"");
    }
    const int top = y + kLine;
    const int moves = top + kLine;
    const int links = moves + kMove * static_cast<int>(plan_.moves.size()) + kLine;
    const int bottom = links + kUse * static_cast<int>(uses_.size());
    axis(top, bottom);
    promised(moves, links - kLine);
    for (std::size_t i = 0; i < plan_.moves.size(); ++i) {
      row(plan_.moves[i], moves + kMove * static_cast<int>(i));
    }
    for (std::size_t i = 0; i < uses_.size(); ++i) {
      link(uses_[i], links + kUse * static_cast<int>(i));
    }
    return terminal::svg_file(kNames + kChart + kRemarks, bottom + kLine, promise, body_);
  }

 private:
  [[nodiscard]] double x(Seconds time) const { return kNames + kChart * (time / end_); }

  static std::string text(double x, double y, const std::string& words,
                          const std::string& attributes) {
    return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" {}>{}</text>\n", x, y, attributes,
                       terminal::xml_text(words));
  }

  static std::string box(double from, double to, double y, double height,
                         const std::string& attributes) {
    return fmt::format("<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" {}/>\n",
                       from, y, std::max(to - from, 0.5), height, attributes);
  }

  void axis(int top, int bottom) {
    const double step = terminal::tick_step(end_.count(), kMostTicks);
    for (double at = 0; at <= end_.count(); at += step) {
      const double here = x(Seconds(at));
      body_ += fmt::format("<path d=\"M{:.1f},{}V{}\" stroke=\"#ddd\"/>\n", here, top + 4, bottom);
      body_ += text(here, top, at > 0 ? human(Seconds(at)) : "0", "text-anchor=\"middle\"");
    }
  }

  void promised(int top, int bottom) {
    if (plan_.moves.empty()) return;
    body_ += box(x(plan_.finish.p05), x(plan_.finish.p95), top, bottom - top,
                 "class=\"promised\" fill=\"#e69f00\" fill-opacity=\"0.3\"");
    body_ += fmt::format("<path d=\"M{:.1f},{}V{}\" stroke=\"#e69f00\" stroke-width=\"2\"/>\n",
                         x(plan_.finish.p50), top, bottom);
  }

  /// VMs that go to one host have one colour.
  std::string_view colour_of(const std::string& host) {
    return terminal::kColours[colours_.try_emplace(host, colours_.size()).first->second %
                              terminal::kColours.size()];
  }

  void row(const fleet::PlannedMove& move, int y) {
    const std::string_view colour = colour_of(move.to);
    const double middle = y + kMove - 6;
    const std::string how = fmt::format("{} → {}, {}, {}", move.from, move.to,
                                        to_string(move.technique), human(move.rate));
    body_ += fmt::format("<g class=\"move\"><title>{}</title>\n",
                         terminal::xml_text(fmt::format(
                             "{}: {}; starts after {}, done after {} … {}", move.vm, how,
                             human(move.start), human(move.finish.p05), human(move.finish.p95))));
    body_ += text(kNames - 8, middle, move.vm, "text-anchor=\"end\"");
    body_ += box(x(move.start), x(move.end), y + 4, kBar, fmt::format("fill=\"{}\"", colour));
    body_ += box(x(move.end), x(move.finish.p95), y + 4, kBar,
                 fmt::format("fill=\"{}\" fill-opacity=\"0.35\"", colour));
    body_ += text(kNames + kChart + 8, middle, how, "");
    body_ += "</g>\n";
  }

  void link(const fleet::LinkUse& use, int y) {
    const double floor = y + kUse - 6;
    const double height = kUse - 12;
    const auto level = [&](double share) { return floor - height * std::min(share, 1.0); };
    std::string area;
    double most = 0;
    for (const auto& [since, share] : use.shares) {
      area += area.empty() ? fmt::format("M{:.1f},{:.1f}", x(since), floor)
                           : fmt::format("H{:.1f}", x(since));
      area += fmt::format("V{:.1f}", level(share));
      most = std::max(most, share);
    }
    body_ += fmt::format("<path class=\"link\" d=\"{}Z\" fill=\"#56b4e9\"/>\n", area);
    body_ += fmt::format("<path d=\"M{},{:.1f}h{}\" stroke=\"#999\"/>\n", kNames, floor, kChart);
    body_ += text(kNames - 8, floor - 8, use.name, "text-anchor=\"end\"");
    body_ += text(kNames + kChart + 8, floor - 8,
                  fmt::format("at most {:.0f} % of {}", most * 100, human(use.capacity)), "");
  }

  const fleet::FleetPlan& plan_;
  std::vector<fleet::LinkUse> uses_;
  Seconds end_{};
  std::map<std::string, std::size_t> colours_;
  std::string body_;
};

}  // namespace

std::string plan_svg(const fleet::FleetPlan& plan, const Network& network,
                     const std::string& what) {
  return PlanPicture(plan, network).draw(what);
}

std::string plan_html(const fleet::FleetPlan& plan, const Network& network,
                      const std::string& what) {
  const terminal::Table moves = moves_table(plan);
  return terminal::html_page(
      what, fmt::format("<section class=\"wide\">\n{}</section>\n{}", plan_svg(plan, network, what),
                        moves.empty() ? "" : moves.html()));
}

}  // namespace godwit::evacuation
