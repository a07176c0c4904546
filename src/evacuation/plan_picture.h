#pragma once

#include <string>

#include "godwit/domain/network.h"
#include "godwit/fleet/fleet_plan.h"

namespace godwit::evacuation {

/// A plan of a fleet's moves as an SVG file: a bar for each move, paler until the end of its 90 %
/// interval, over the interval in which all is done; below, what the busiest links carry. `what`
/// is promised: "host a is empty". Pure.
[[nodiscard]] std::string plan_svg(const fleet::FleetPlan& plan, const Network& network,
                                   const std::string& what);
/// The same with the table of the moves, as a page that opens offline. Pure.
[[nodiscard]] std::string plan_html(const fleet::FleetPlan& plan, const Network& network,
                                    const std::string& what);

}  // namespace godwit::evacuation
