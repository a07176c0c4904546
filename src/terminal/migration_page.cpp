#include "godwit/terminal/migration_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "godwit/base/quantity.h"
#include "godwit/codec/codec.h"
#include "godwit/terminal/html_page.h"
#include "godwit/terminal/progress_lines.h"
#include "godwit/terminal/render.h"
#include "godwit/terminal/svg.h"
#include "godwit/terminal/table.h"

namespace godwit::terminal {
namespace {

std::string seconds_text(double value) {
  return human(Seconds(value));
}
std::string bytes_text(double value) {
  return human(Bytes(std::llround(value)));
}

/// The greatest power of 1024 that is no more than this.
double binary_unit(double most) {
  double unit = 1;
  while (unit * 1024 <= most) unit *= 1024;
  return unit;
}

double highest(const std::vector<ChartLine>& lines) {
  double most = 0;
  for (const ChartLine& line : lines) {
    for (const ChartPoint& point : line.points) most = std::max(most, point.y);
    for (const double high : line.high) most = std::max(most, high);
  }
  return most;
}

Chart bytes_over_time(std::string title, std::vector<ChartLine> lines) {
  Chart chart{std::move(title), std::move(lines), {}, &seconds_text, &bytes_text};
  chart.y_unit = binary_unit(highest(chart.lines));
  return chart;
}

// --- prediction and outcome ---

double number(Seconds value) {
  return value.count();
}
double number(Bytes value) {
  return value.as_double();
}

template <class T>
Interval<double> numbers(const Interval<T>& value) {
  return {number(value.p50), number(value.p05), number(value.p95)};
}

/// A row whose axis ends a little beyond what it holds.
template <class T>
void add(Ranges& ranges, const std::string& name, const std::optional<Interval<T>>& predicted,
         const std::optional<T>& actual) {
  constexpr double kRoom = 1.1;
  if (!predicted) return;
  Range row{name, numbers(*predicted), {}, 0, {}};
  row.end = row.predicted->p95 * kRoom;
  row.text = fmt::format("{} ({} … {})", human(predicted->p50), human(predicted->p05),
                         human(predicted->p95));
  if (actual) {
    row.actual = number(*actual);
    row.end = std::max(row.end, *row.actual * kRoom);
    row.text += fmt::format(", was {}", human(*actual));
  }
  ranges.rows.push_back(std::move(row));
}

const TechniquePrediction* prediction_of(const OutcomeRecord& record) {
  return record.predicted ? find(*record.predicted, record.outcome.technique) : nullptr;
}

Ranges comparison(const OutcomeRecord& record) {
  Ranges ranges{"predicted and actual, each from 0", {}};
  const TechniquePrediction* p = prediction_of(record);
  if (p == nullptr) return ranges;
  const MigrationOutcome& outcome = record.outcome;
  add(ranges, "total time", p->total_time, outcome.total_time);
  add(ranges, "downtime, QEMU's", p->downtime.qemu, outcome.downtime.qemu);
  add(ranges, "downtime, events", p->downtime.events, outcome.downtime.events);
  add(ranges, "outage, a client's", p->downtime.probe, outcome.downtime.probe);
  add(ranges, "sent", p->transferred, outcome.transferred.qemu);
  return ranges;
}

// --- rounds ---

/// What was left to send when each round ended; before the first, all of RAM, as QEMU counts it.
ChartLine left_as_it_went(const std::vector<RoundRecord>& rounds, std::optional<Bytes> ram) {
  ChartLine line{"as it went", {}};
  if (ram && !rounds.empty()) {
    line.points.push_back({number(rounds.front().started), number(*ram)});
  }
  for (const RoundRecord& round : rounds) {
    if (!round.left) continue;
    line.points.push_back({number(round.started + round.duration), number(*round.left)});
  }
  return line;
}

ChartLine left_as_predicted(const std::vector<PredictedRound>& rounds, Seconds start,
                            std::optional<Bytes> ram) {
  ChartLine line{"as predicted", {}};
  Seconds at = start;
  if (ram) line.points.push_back({number(at), number(*ram)});
  for (const PredictedRound& round : rounds) {
    at += round.duration;
    line.points.push_back({number(at), number(round.dirtied)});
  }
  return line;
}

Chart rounds_chart(const OutcomeRecord& record) {
  const MigrationOutcome& outcome = record.outcome;
  std::vector<ChartLine> lines;
  const auto ram = record.profile ? std::optional(record.profile->ram) : std::nullopt;
  lines.push_back(left_as_it_went(outcome.rounds, ram));
  const Seconds start = outcome.rounds.empty() ? Seconds() : outcome.rounds.front().started;
  if (const TechniquePrediction* p = prediction_of(record); p != nullptr && !p->rounds.empty()) {
    lines.push_back(left_as_predicted(p->rounds, start, ram));
  }
  Chart chart = bytes_over_time("left to send when each round ended", std::move(lines));
  for (const AppliedOrder& one : outcome.orders) chart.marks.push_back(number(one.at));
  return chart;
}

std::string cpu_text(const std::vector<Ratio>& used) {
  if (used.empty()) return "–";
  double all = 0;
  for (const Ratio one : used) all += one.value();
  return fmt::format("{:.0f} %", all * 100);
}

Table rounds_table(const std::vector<RoundRecord>& rounds) {
  Table table({"round", "began after", "took", "sent", "left", "dirtied", "vCPU time"});
  const auto text = [](const std::optional<Bytes>& value) {
    return value ? human(*value) : std::string("–");
  };
  for (const RoundRecord& round : rounds) {
    table.add({std::to_string(round.number), human(round.started), human(round.duration),
               human(round.sent), text(round.left), text(round.dirtied),
               cpu_text(round.vcpu_used)});
  }
  return table;
}

Table orders_table(const std::vector<AppliedOrder>& orders) {
  Table table({"order", "after"});
  for (const AppliedOrder& one : orders) table.add({order_text(one), human(one.at)});
  return table;
}

// --- the page ---

std::string heading(const OutcomeRecord& record) {
  return fmt::format("migration {}: {} to {}, {}", record.id, record.source, record.destination,
                     iso8601(record.outcome.started_wall_us).substr(0, 19));
}

std::string asked_for(const OutcomeRecord& record) {
  const Requested& requested = record.outcome.requested;
  std::string text =
      fmt::format("asked for: technique {}, law {}", requested.technique, requested.law);
  if (record.link) text += fmt::format(", link {}", human(record.link->rate));
  return text;
}

/// A part of the page: a table, pictures, or both.
struct Part {
  std::string title;
  Table table;
  std::vector<Chart> charts{};
  std::vector<Ranges> ranges{};
};

std::vector<Part> parts_of(const OutcomeRecord& record) {
  const MigrationOutcome& outcome = record.outcome;
  std::vector<Part> parts;
  if (record.predicted) {
    parts.push_back({"predicted against actual",
                     comparison_table(*record.predicted, outcome),
                     {},
                     {comparison(record)}});
  }
  parts.push_back({"rounds", rounds_table(outcome.rounds), {rounds_chart(record)}});
  parts.push_back({"orders of the law", orders_table(outcome.orders)});
  if (record.profile) {
    parts.push_back(
        {"how the guest wrote before", Table({}), {dirty_curve_chart(*record.profile)}});
  }
  return parts;
}

std::vector<Drawing> drawings_of(const Part& part) {
  std::vector<Drawing> drawings;
  for (const Ranges& one : part.ranges) drawings.push_back(draw(one));
  for (const Chart& one : part.charts) drawings.push_back(draw(one));
  drawings.erase(std::remove_if(drawings.begin(), drawings.end(),
                                [](const Drawing& one) { return one.height == 0; }),
                 drawings.end());
  return drawings;
}

std::string pictures_of(const Part& part) {
  std::string text;
  const auto put = [&text](const std::string& picture) {
    if (!picture.empty()) text += (text.empty() ? "" : "\n\n") + picture;
  };
  for (const Ranges& one : part.ranges) put(ranges_text(one));
  for (const Chart& one : part.charts) put(chart_text(one));
  return text;
}

std::string without_indent(const std::string& text) {
  std::string out;
  bool line_start = true;
  for (const char c : text) {
    if (line_start && c == ' ') continue;
    line_start = c == '\n';
    out += c;
  }
  return out;
}

/// Text whose lines stay lines.
std::string html_lines(const std::string& text) {
  std::string out;
  for (const char c : text) out += c == '\n' ? "\n" : xml_text(std::string_view(&c, 1));
  return out;
}

Ranges ranges_by_technique(const Prediction& prediction, std::string title,
                           std::optional<Interval<Seconds>> (*of)(const TechniquePrediction&)) {
  Ranges ranges{std::move(title), {}};
  double end = 0;
  for (const TechniquePrediction& p : prediction.predictions) {
    add(ranges, to_string(p.technique), of(p), std::optional<Seconds>());
  }
  for (const Range& row : ranges.rows) end = std::max(end, row.end);
  for (Range& row : ranges.rows) row.end = end;
  return ranges;
}

}  // namespace

Chart dirty_curve_chart(const GuestProfile& profile) {
  ChartLine line{fmt::format("by {}", to_string(profile.source)), {{0, 0}}, {0}, {0}};
  for (const DirtyPoint& point : profile.dirty_curve) {
    line.points.push_back({number(point.window), number(point.unique)});
    line.low.push_back(number(point.low));
    line.high.push_back(number(point.high));
  }
  return bytes_over_time("memory written within a time, each page once", {std::move(line)});
}

Ranges total_time_ranges(const Prediction& prediction) {
  return ranges_by_technique(prediction, "total time",
                             [](const TechniquePrediction& p) { return p.total_time; });
}

Ranges outage_ranges(const Prediction& prediction) {
  return ranges_by_technique(prediction, "a client's outage",
                             [](const TechniquePrediction& p) { return p.downtime.probe; });
}

std::string pictures_text(const OutcomeRecord& record) {
  const std::string compared = ranges_text(comparison(record));
  const std::string rounds = chart_text(rounds_chart(record));
  return compared + (compared.empty() || rounds.empty() ? "" : "\n\n") + rounds;
}

std::string page_text(const OutcomeRecord& record) {
  std::string text =
      heading(record) + "\n" + outcome_text(record.outcome) + "\n  " + asked_for(record);
  for (const Part& part : parts_of(record)) {
    const std::string pictures = pictures_of(part);
    if (part.table.empty() && pictures.empty()) continue;
    text += fmt::format("\n\n{}", part.title);
    if (!part.table.empty()) text += "\n" + part.table.text();
    if (!pictures.empty()) text += (part.table.empty() ? "\n" : "\n\n") + pictures;
  }
  return text;
}

std::string page_svg(const OutcomeRecord& record) {
  std::vector<Drawing> all;
  for (const Part& part : parts_of(record)) {
    for (Drawing& one : drawings_of(part)) all.push_back(std::move(one));
  }
  return svg_of(heading(record), all);
}

std::string page_html(const OutcomeRecord& record) {
  std::string body =
      fmt::format("<pre>{}\n{}</pre>\n", html_lines(without_indent(outcome_text(record.outcome))),
                  xml_text(asked_for(record)));
  for (const Part& part : parts_of(record)) {
    const std::vector<Drawing> drawings = drawings_of(part);
    if (part.table.empty() && drawings.empty()) continue;
    body += fmt::format("<section>\n<h2>{}</h2>\n", xml_text(part.title));
    if (!part.table.empty()) body += part.table.html();
    for (const Drawing& one : drawings)
      body += svg_file(one.width, one.height, part.title, one.body);
    body += "</section>\n";
  }
  return html_page(heading(record), body);
}

}  // namespace godwit::terminal
