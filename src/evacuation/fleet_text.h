#pragma once

#include <optional>
#include <string>
#include <vector>

#include "godwit/base/json.h"
#include "godwit/fleet/hours.h"
#include "godwit/fleet/record.h"
#include "godwit/fleet/runner.h"
#include "godwit/terminal/table.h"

/// Plans of a fleet's moves, and what came of them, for people and as the contract has them. Pure.

namespace godwit::evacuation {

/// Blockers first, then a row for each move, its picture, and when all is done.
[[nodiscard]] std::string plan_text(const fleet::FleetPlan& plan, const std::string& what);
/// When it would be cheapest, by what was seen so far; or why that is not known yet.
[[nodiscard]] std::string hours_text(const std::vector<fleet::HourCost>& hours, Seconds now);
/// A row for each move.
[[nodiscard]] terminal::Table moves_table(const fleet::FleetPlan& plan);
/// A line for each move, from the plan's start to its end.
[[nodiscard]] std::string gantt(const fleet::FleetPlan& plan, std::size_t width);
/// Promised beside actual.
[[nodiscard]] std::string outcome_text(const fleet::RunOutcome& outcome,
                                       const std::vector<fleet::Entry>& earlier,
                                       const std::string& done);

[[nodiscard]] Json to_json(const fleet::FleetPlan& plan);
[[nodiscard]] Json to_json(const std::vector<fleet::HourCost>& hours);
/// `host`: that was to be emptied; nothing for a restoration.
[[nodiscard]] Json to_json(const fleet::RunOutcome& outcome,
                           const std::vector<fleet::Entry>& earlier, bool emptied);

}  // namespace godwit::evacuation
