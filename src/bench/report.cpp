#include "godwit/bench/report.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>

#include "godwit/base/json.h"
#include "godwit/bench/suite.h"
#include "godwit/codec/codec.h"
#include "godwit/domain/technique.h"

namespace godwit::bench {
namespace {

constexpr std::string_view kPlaceholder = "__GODWIT_DATA__";

template <class T, class Get>
Json or_null(const std::optional<T>& value, const Get& get) {
  return value ? Json(get(*value)) : Json();
}
double milliseconds(Seconds time) {
  return time.count() * 1e3;
}

Json cell_json(const Cell& cell) {
  return Json{{"load", cell.spec},
              {"load_kind", cell.load},
              {"technique", technique_name(cell)},
              {"link_bytes_per_s", cell.link.value()},
              {"ram_bytes", cell.ram.count()},
              {"downtime_limit_ms", or_null(cell.parameters.downtime_limit, milliseconds)},
              {"sweep", cell.sweep},
              {"repeat", cell.repeat},
              {"pings", cell.pings},
              {"law", cell.law},
              {"intent", intent_in_words(cell)},
              {"relay", cell.relay}};
}

/// What was sent and dirtied between two samples.
Json curves_json(const std::vector<Sample>& samples) {
  Json t = Json::array();
  Json sent = Json::array();
  Json dirtied = Json::array();
  Json remaining = Json::array();
  Json throttle = Json::array();
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const Sample& now = samples[i];
    const Seconds since = i > 0 ? now.at - samples[i - 1].at : now.at;
    const Bytes more = i > 0 ? now.transferred - samples[i - 1].transferred : now.transferred;
    if (!(since > Seconds(0))) continue;
    t.push_back(now.at.count());
    sent.push_back(std::max(0.0, more.as_double() / since.count()));
    dirtied.push_back(or_null(now.dirty_rate, [](BytesPerSecond r) { return r.value(); }));
    remaining.push_back(or_null(now.remaining, [](Bytes b) { return b.count(); }));
    throttle.push_back(or_null(now.throttle_percent, [](int percent) { return percent; }));
  }
  return Json{{"t_s", std::move(t)},
              {"sent_bytes_per_s", std::move(sent)},
              {"dirtied_bytes_per_s", std::move(dirtied)},
              {"remaining_bytes", std::move(remaining)},
              {"throttle_percent", std::move(throttle)}};
}

void add_record(const Trial& trial, Json& row) {
  const OutcomeRecord& record = *trial.record;
  const Json outcome = godwit::to_json(record.outcome);
  row["started"] = iso8601(record.outcome.started_wall_us);
  for (const char* key : {"reason", "vm_runs_on", "total_time_s", "downtime_ms",
                          "transferred_bytes", "guest", "rounds"}) {
    if (outcome.contains(key)) row[key] = outcome[key];
  }
  const TechniquePrediction* predicted =
      record.predicted ? find(*record.predicted, technique_of(trial)) : nullptr;
  if (predicted != nullptr && predicted->converges) row["predicted"] = godwit::to_json(*predicted);
}

Json row_json(const Trial& trial) {
  Json whole = to_json(trial);
  Json row{{"id", trial.number},
           {"cell", cell_json(trial.cell)},
           {"status", status_of(trial)},
           {"started", iso8601(trial.wall_us)}};
  if (trial.broken) row["reason"] = *trial.broken;
  if (trial.record) add_record(trial, row);
  if (trial.network) row["network"] = std::move(whole["network"]);
  row["host_cpu_s"] = std::move(whole["host_cpu_s"]);
  row["samples"] = curves_json(trial.samples);
  row["pings"] = std::move(whole["pings"]);
  return row;
}

/// The machine, and the QEMU of the newest trial that knows it.
Json host_json(const RunHeader& header, const std::vector<Trial>& trials) {
  Json host = to_json(header)["host"];
  for (const Trial& trial : trials) {
    if (!trial.record || !trial.record->profile) continue;
    const GuestProfile& profile = *trial.record->profile;
    if (profile.qemu_version) host["qemu"] = *profile.qemu_version;
    if (profile.accelerator) host["accelerator"] = *profile.accelerator;
  }
  return host;
}

Json suite_json(const RunHeader& header) {
  Json json{{"name", header.name}, {"toml", header.toml}};
  if (const auto suite = parse_suite(header.toml)) json["about"] = suite->about;
  return json;
}

}  // namespace

Json report_json(const RunHeader& header, const std::vector<Trial>& trials,
                 std::int64_t made_wall_us) {
  Json rows = Json::array();
  for (const Trial& trial : trials) rows.push_back(row_json(trial));
  return Json{{"version", 1},
              {"title", header.name},
              {"made", iso8601(made_wall_us)},
              {"godwit", header.godwit},
              {"suite", suite_json(header)},
              {"host", host_json(header, trials)},
              {"rows", std::move(rows)}};
}

Result<std::string> fill_page(std::string_view page, const Json& data) {
  const auto at = page.find(kPlaceholder);
  if (at == std::string_view::npos ||
      page.find(kPlaceholder, at + kPlaceholder.size()) != std::string_view::npos) {
    return fail(ErrorCode::kCorrupt, "the report page has not exactly one place for the data",
                "make it anew: ./dev page");
  }
  std::string text;
  for (const char c : json_text(data)) {
    if (c == '<') {
      text += "\\u003c";  // no "</script>" from a load's name ends the data
    } else {
      text += c;
    }
  }
  return fmt::format("{}{}{}", page.substr(0, at), text, page.substr(at + kPlaceholder.size()));
}

}  // namespace godwit::bench
