#pragma once

#include <string>

#include "godwit/bench/run_header.h"
#include "godwit/bench/trial.h"

namespace godwit::bench {

/// Trials as CSV (RFC 4180), one line each without its line's end: of a report, and of the data set
/// (docs/research/data.md has the columns). They carry their units; an absent value is empty. The
/// first two columns, the run (its seed) and the trial's number in it, name a trial for ever.
std::string csv_header();
std::string csv_row(const RunHeader& header, const Trial& trial);

}  // namespace godwit::bench
