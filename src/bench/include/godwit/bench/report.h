#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "godwit/base/error.h"
#include "godwit/bench/run_header.h"
#include "godwit/bench/trial.h"

namespace godwit::bench {

/// All that the report page shows: the data contract of web/README.md, version 1.
Json report_json(const RunHeader& header, const std::vector<Trial>& trials,
                 std::int64_t made_wall_us);

/// The page's template with the data in place. kCorrupt when the template has no place for it.
Result<std::string> fill_page(std::string_view page, const Json& data);

}  // namespace godwit::bench
