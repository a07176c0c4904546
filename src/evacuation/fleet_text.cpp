#include "fleet_text.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "godwit/base/quantity.h"
#include "godwit/codec/codec.h"
#include "godwit/terminal/spelling.h"
#include "godwit/terminal/table.h"

namespace godwit::evacuation {
namespace {

using Status = fleet::VmReport::Status;

std::string interval_text(const Interval<Seconds>& time) {
  return fmt::format("{} … {}", human(time.p05), human(time.p95));
}

Json seconds_json(const Interval<Seconds>& time) {
  return Json{{"p50", time.p50.count()}, {"p05", time.p05.count()}, {"p95", time.p95.count()}};
}

Json seconds_json(const std::optional<Seconds>& time) {
  return time ? Json(time->count()) : Json(nullptr);
}

std::string spelt(const Remedy& remedy) {
  return remedy.text(&terminal::option);
}

/// A VM that came to its destination is called as the outcome of its migration.
std::string status_name(const fleet::VmReport& one) {
  if (one.status == Status::kMoved && one.outcome) {
    return std::string(to_string(one.outcome->status));
  }
  return std::string(to_string(one.status));
}

std::vector<std::string> row_of(const fleet::VmReport& one) {
  const auto outage = one.outcome ? one.outcome->downtime.probe : std::nullopt;
  return {one.vm,
          status_name(one),
          one.runs_on.empty() ? "?" : one.runs_on,
          to_string(one.outcome ? one.outcome->technique : one.technique),
          one.promised.p95 > Seconds(0) ? interval_text(one.promised) : "",
          one.finished ? human(*one.finished) : "",
          outage ? human(*outage) : ""};
}

Json json_of(const fleet::VmReport& one) {
  Json json{{"vm", one.vm},
            {"status", status_name(one)},
            {"from", one.from},
            {"runs_on", one.runs_on.empty() ? Json(nullptr) : Json(one.runs_on)},
            {"technique", to_string(one.outcome ? one.outcome->technique : one.technique)},
            {"attempts", one.attempts},
            {"started_s", seconds_json(one.started)},
            {"finished_s", seconds_json(one.finished)},
            {"promised_s", seconds_json(one.promised)}};
  if (!one.reason.empty()) json["reason"] = one.reason;
  if (!one.what_to_do.empty()) json["what_to_do"] = spelt(one.what_to_do);
  if (one.outcome) json["outcome"] = to_json(*one.outcome);
  return json;
}

}  // namespace

std::string gantt(const fleet::FleetPlan& plan, std::size_t width) {
  std::string text;
  std::size_t widest = 0;
  for (const auto& move : plan.moves) widest = std::max(widest, terminal::width_of(move.vm));
  const double end = std::max(plan.finish.p95.count(), 1e-9);
  const auto cell = [&](Seconds time) {
    const double at = time.count() / end * static_cast<double>(width);
    return std::min(static_cast<std::size_t>(std::max(at, 0.0)), width);
  };
  for (const auto& move : plan.moves) {
    const std::size_t start = cell(move.start);
    const std::size_t stop = std::max(cell(move.finish.p50), start + 1);
    const std::size_t last = std::max(cell(move.finish.p95), stop);
    std::string line(widest - terminal::width_of(move.vm), ' ');
    for (std::size_t i = 0; i < width; ++i) {
      line += i < start || i >= last ? "·" : i < stop ? "█" : "░";
    }
    text += fmt::format("{}  {}{}  {} → {}", text.empty() ? "" : "\n", move.vm, "  " + line,
                        move.from, move.to);
  }
  const std::string scale = human(plan.finish.p95);
  text += fmt::format("\n  {:{}}  0{:>{}}", "", widest, scale, width > 1 ? width - 1 : 1);
  return text;
}

terminal::Table moves_table(const fleet::FleetPlan& plan) {
  terminal::Table table(
      {"VM", "from", "to", "technique", "rate", "starts", "done in 90 % of cases"});
  for (const auto& move : plan.moves) {
    table.add({move.vm, move.from, move.to, to_string(move.technique), human(move.rate),
               human(move.start), interval_text(move.finish)});
  }
  return table;
}

std::string plan_text(const fleet::FleetPlan& plan, const std::string& what) {
  constexpr std::size_t kWidth = 48;
  std::string text;
  for (const fleet::Blocked& one : plan.blockers) {
    text += fmt::format("VM {} can't go: {}; {}\n", one.vm, one.reason, spelt(one.what_to_do));
  }
  if (!plan.stopped.empty()) {
    text += fmt::format("left alone, as they don't run: {}\n", fmt::join(plan.stopped, ", "));
  }
  if (plan.moves.empty()) return text + "nothing is to be moved";
  text += moves_table(plan).text() + "\n\n" + gantt(plan, kWidth) + "\n";
  text += fmt::format("\n{} after {} ({} in 90 % of cases; lower bound by the same durations: {})",
                      what, human(plan.finish.p50), interval_text(plan.finish),
                      human(plan.lower_bound));
  return text;
}

std::string hours_text(const std::vector<fleet::HourCost>& hours, Seconds now) {
  constexpr std::size_t kFewestHours = 2;
  constexpr double kWorthIt = 0.9;  // durations err by some percent
  if (hours.size() < kFewestHours) {
    return fmt::format(
        "at which hour this is cheapest is not known yet: each VM must have been observed at {} "
        "hours "
        "of the day, on {} days each (so far: at {}); each plan observes",
        kFewestHours, fleet::kFewestDays, hours.size());
  }
  const auto& best =
      *std::min_element(hours.begin(), hours.end(),
                        [](const auto& a, const auto& b) { return a.finish.p50 < b.finish.p50; });
  if (best.finish.p50 >= now * kWorthIt) {
    return fmt::format(
        "of the {} hours of the day seen so far, none would be much cheaper than now",
        hours.size());
  }
  return fmt::format(
      "of the {} hours of the day seen so far, {:02}:00 would be the cheapest: {} instead of {}",
      hours.size(), best.hour, human(best.finish.p50), human(now));
}

std::string outcome_text(const fleet::RunOutcome& outcome, const std::vector<fleet::Entry>& earlier,
                         const std::string& done) {
  terminal::Table table({"VM", "status", "runs on", "technique", "promised", "actual", "outage"});
  for (const fleet::Entry& one : earlier) {
    table.add({one.vm, "completed", one.to, one.technique, "", "before", ""});
  }
  for (const auto& one : outcome.vms) table.add(row_of(one));
  std::string text = table.text();
  for (const auto& one : outcome.vms) {
    if (one.status == Status::kMoved && one.reason.empty()) continue;
    text += fmt::format("\nVM {}: {}{}{}", one.vm, one.reason, one.what_to_do.empty() ? "" : "; ",
                        spelt(one.what_to_do));
  }
  if (outcome.complete()) {
    text += fmt::format("\n{} after {}; promised were {} ({})", done, human(outcome.took),
                        human(outcome.promised.p50), interval_text(outcome.promised));
  } else if (outcome.ended_early) {
    text += fmt::format("\nended early: {}", outcome.ended_early->message);
  }
  return text;
}

Json to_json(const fleet::FleetPlan& plan) {
  Json moves = Json::array();
  for (const auto& move : plan.moves) {
    moves.push_back({{"vm", move.vm},
                     {"from", move.from},
                     {"to", move.to},
                     {"technique", to_string(move.technique)},
                     {"rate_bytes_per_s", move.rate.value()},
                     {"start_s", move.start.count()},
                     {"end_s", move.end.count()},
                     {"finish_s", seconds_json(move.finish)}});
  }
  Json blockers = Json::array();
  for (const auto& one : plan.blockers) {
    blockers.push_back(
        {{"vm", one.vm}, {"reason", one.reason}, {"what_to_do", spelt(one.what_to_do)}});
  }
  return Json{{"moves", std::move(moves)},
              {"finish_s", seconds_json(plan.finish)},
              {"lower_bound_s", plan.lower_bound.count()},
              {"blockers", std::move(blockers)},
              {"stopped", plan.stopped}};
}

Json to_json(const std::vector<fleet::HourCost>& hours) {
  Json all = Json::array();
  for (const fleet::HourCost& one : hours) {
    all.push_back({{"hour", one.hour}, {"days", one.days}, {"finish_s", seconds_json(one.finish)}});
  }
  return all;
}

Json to_json(const fleet::RunOutcome& outcome, const std::vector<fleet::Entry>& earlier,
             bool emptied) {
  Json moves = Json::array();
  for (const fleet::Entry& one : earlier) {
    moves.push_back({{"vm", one.vm},
                     {"status", "completed"},
                     {"from", one.from},
                     {"runs_on", one.to},
                     {"technique", one.technique},
                     {"earlier", true}});
  }
  for (const auto& one : outcome.vms) moves.push_back(json_of(one));
  const Json took = outcome.complete() ? Json(outcome.took.count()) : Json(nullptr);
  Json json{{"status", outcome.complete() ? "completed" : "incomplete"},
            {emptied ? "empty_after_s" : "restored_after_s", took},
            {"promised_s", seconds_json(outcome.promised)},
            {"moves", std::move(moves)}};
  if (outcome.ended_early) json["reason"] = outcome.ended_early->message;
  return json;
}

}  // namespace godwit::evacuation
