#pragma once

#include <string>
#include <string_view>

#include "godwit/base/error.h"
#include "godwit/base/json.h"
#include "godwit/domain/cpu_quota.h"
#include "godwit/domain/guest_profile.h"
#include "godwit/domain/outcome.h"
#include "godwit/domain/prediction.h"

/// The one JSON form of each value (cli.md's contract): keys end in `_bytes`, `_s`, `_ms`,
/// `_bytes_per_s`. Decoding checks presence, types, ranges and finiteness; what is wrong gives
/// kCorrupt with the key's path. Unknown keys are ignored: newer Godwits may write more.

namespace godwit {

Json to_json(const GuestProfile& profile);
Json to_json(const MigrationParameters& parameters);
Json to_json(const TechniquePrediction& prediction);
Json to_json(const Prediction& prediction);
Json to_json(const EndForecast& forecast);
Json to_json(const RoundRecord& round);
Json to_json(const AppliedOrder& applied);
Json to_json(const MigrationOutcome& outcome);
Json to_json(const OutcomeRecord& record);
Json to_json(const LentCpu& lent);
/// {"error": {"code", "message", "what_to_do"}}; settings that nobody spelt stand by their names.
Json to_json(const Error& error);

Result<GuestProfile> profile_from_json(const Json& json);
Result<MigrationParameters> parameters_from_json(const Json& json);
Result<Prediction> prediction_from_json(const Json& json);
Result<MigrationOutcome> outcome_from_json(const Json& json);
Result<OutcomeRecord> record_from_json(const Json& json);
Result<LentCpu> lent_cpu_from_json(const Json& json);

/// "2026-11-21T08:31:55.123456Z", and back.
std::string iso8601(std::int64_t wall_us);
Result<std::int64_t> parse_iso8601(std::string_view text);

}  // namespace godwit
