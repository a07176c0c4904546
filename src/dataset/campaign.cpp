#include "godwit/dataset/campaign.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "godwit/base/json_reader.h"
#include "godwit/codec/codec.h"
#include "godwit/dataset/csv.h"

namespace godwit::dataset {
namespace {

using Name = std::pair<std::string, std::int64_t>;  // run, number

/// One line each: {"run", "number", "profile"}.
Result<std::map<Name, GuestProfile>> read_profiles(std::string_view lines) {
  std::map<Name, GuestProfile> profiles;
  while (!lines.empty()) {
    const std::size_t end = std::min(lines.find('\n'), lines.size());
    GODWIT_TRY(const Json line, parse_json(lines.substr(0, end)));
    JsonReader in(line, fmt::format("profile {}", profiles.size() + 1));
    const Name name(in.text("run"), in.integer("number"));
    const Json* inner = in.require("profile");
    if (in.error()) return fail(*in.error());
    GODWIT_TRY(GuestProfile profile, profile_from_json(*inner));
    profiles.insert_or_assign(name, std::move(profile));
    lines.remove_prefix(std::min(end + 1, lines.size()));
  }
  return profiles;
}

MigrationParameters parameters_of(CsvRow& row) {
  MigrationParameters parameters;
  parameters.downtime_limit = row.optional_milliseconds("downtime_limit_ms");
  if (const auto share = row.optional_number("precopy_share"))
    parameters.precopy_share = Ratio(*share);
  if (const std::string& preempt = row.text("postcopy_preempt"); !preempt.empty()) {
    parameters.postcopy_preempt = preempt == "1";
  }
  return parameters;
}

Result<CampaignRow> row_of(const CsvTable& table, std::size_t index) {
  CsvRow row(table, index);
  CampaignRow out;
  out.run = row.text("run");
  out.number = row.count("number");
  out.status = row.text("status");
  const auto technique = parse_technique(row.text("technique"));
  out.parameters = parameters_of(row);
  if (const auto most = row.optional_number("max_time_s")) out.max_time = Seconds(*most);
  out.load = row.text("load");
  out.spec = row.text("spec");
  out.link.rate = BytesPerSecond(row.number("link_bytes_per_s"));
  out.ram = row.bytes("ram_bytes");
  if (const auto total = row.optional_number("total_time_s")) out.total_time = Seconds(*total);
  out.downtime.qemu = row.optional_milliseconds("downtime_qemu_ms");
  out.downtime.events = row.optional_milliseconds("downtime_events_ms");
  out.downtime.probe = row.optional_milliseconds("downtime_probe_ms");
  if (!row.text("transferred_qemu_bytes").empty())
    out.transferred = row.bytes("transferred_qemu_bytes");
  if (const auto lost = row.optional_signed("work_lost")) out.work_lost = Ratio(*lost);
  const auto source_cpu = row.optional_number("source_cpu_s");
  const auto destination_cpu = row.optional_number("destination_cpu_s");
  if (source_cpu && destination_cpu) out.host_cpu = Seconds(*source_cpu + *destination_cpu);
  GODWIT_CHECK_OK(row.good());
  if (!technique) {
    return fail(ErrorCode::kCorrupt,
                fmt::format("row {}: unknown technique {}", index + 1, row.text("technique")));
  }
  out.technique = *technique;
  return out;
}

// --- do a row's values go together? ---

/// What a link's queues may hold beside its rate, and clocks and rounding may add.
constexpr double kQueues = 32e6;
constexpr double kMostOverRate = 1.1;
/// What a profile counts beside a guest's memory, at most: firmware and the display's.
constexpr Bytes kBesideRam = 32_MiB;

/// Whether two columns stand in each other's place, or a row and its profile do not belong
/// together; empty: no such sign.
std::string contradiction(const CampaignRow& row) {
  constexpr std::array kStatuses{"completed", "did_not_converge", "cancelled", "failed", "broken"};
  if (std::find(kStatuses.begin(), kStatuses.end(), row.status) == kStatuses.end()) {
    return fmt::format("unknown status {}", row.status);
  }
  if (row.profile && (row.profile->ram < row.ram || row.profile->ram > row.ram + kBesideRam)) {
    return fmt::format("a guest of {} bytes, whose profile is of {}", row.ram.count(),
                       row.profile->ram.count());
  }
  if (!row.completed() || is_cold(row.technique)) return {};
  if (row.total_time && row.downtime.events && *row.downtime.events > *row.total_time) {
    return "the guest stood still for longer than the migration took";
  }
  if (row.total_time && row.transferred && !row.technique.storage &&
      row.transferred->as_double() >
          kQueues + kMostOverRate * row.link.rate.value() * row.total_time->count()) {
    return "more bytes than the link carries in that time";
  }
  return {};
}

}  // namespace

Result<std::vector<CampaignRow>> read_campaign(std::string_view csv, std::string_view profiles) {
  GODWIT_TRY(const CsvTable table, CsvTable::parse(csv));
  GODWIT_TRY(const auto profile_of, read_profiles(profiles));
  std::vector<CampaignRow> rows;
  for (std::size_t i = 0; i < table.rows(); ++i) {
    GODWIT_TRY(CampaignRow row, row_of(table, i));
    if (const auto found = profile_of.find({row.run, row.number}); found != profile_of.end()) {
      row.profile = found->second;
    }
    if (const std::string why = contradiction(row); !why.empty()) {
      return fail(ErrorCode::kCorrupt, fmt::format("row {}: {}", i + 1, why));
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace godwit::dataset
