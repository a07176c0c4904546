#pragma once

#include <string>

#include "godwit/domain/guest_profile.h"
#include "godwit/domain/outcome.h"
#include "godwit/domain/prediction.h"
#include "godwit/terminal/chart.h"

/// What was predicted, measured and ordered, as pictures; and all that is kept of one migration on
/// a page: for a terminal, as SVG, as HTML. Pure.

namespace godwit::terminal {

/// Memory written within a time, by the source that prediction uses.
[[nodiscard]] Chart dirty_curve_chart(const GuestProfile& profile);
/// A row for each technique that is expected to end: total times, or outages of a client, on one
/// scale.
[[nodiscard]] Ranges total_time_ranges(const Prediction& prediction);
[[nodiscard]] Ranges outage_ranges(const Prediction& prediction);

/// Prediction beside what it came to, and the rounds as predicted and as they went; lines without
/// a trailing newline, empty where nothing of it is known.
[[nodiscard]] std::string pictures_text(const OutcomeRecord& record);

[[nodiscard]] std::string page_text(const OutcomeRecord& record);
/// The pictures alone, as one SVG file.
[[nodiscard]] std::string page_svg(const OutcomeRecord& record);
/// One file that needs nothing beside it, asks for nothing, and runs nothing.
[[nodiscard]] std::string page_html(const OutcomeRecord& record);

}  // namespace godwit::terminal
