#include "godwit/bench/report.h"

#include <fmt/format.h>

#include <array>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>

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
  Json sweep = Json::object();
  for (const auto& [key, value] : cell.sweep) sweep[key] = value;
  return Json{{"load", cell.spec},
              {"load_kind", cell.load},
              {"technique", to_string(cell.technique)},
              {"link_bytes_per_s", cell.link.value()},
              {"ram_bytes", cell.ram.count()},
              {"downtime_limit_ms", or_null(cell.parameters.downtime_limit, milliseconds)},
              {"sweep", std::move(sweep)},
              {"repeat", cell.repeat},
              {"pings", cell.pings}};
}

/// What was sent and dirtied between two samples.
Json samples_json(const std::vector<Sample>& samples) {
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

const TechniquePrediction* prediction_of(const OutcomeRecord& record, Technique technique) {
  if (!record.predicted) return nullptr;
  for (const TechniquePrediction& p : record.predicted->predictions) {
    if (p.technique == technique) return &p;
  }
  return nullptr;
}

void add_record(const Trial& trial, Json& row) {
  const OutcomeRecord& record = *trial.record;
  const Json outcome = godwit::to_json(record.outcome);
  row["started"] = iso8601(record.outcome.started_wall_us);
  for (const char* key : {"reason", "vm_runs_on", "total_time_s", "downtime_ms",
                          "transferred_bytes", "guest", "rounds"}) {
    if (outcome.contains(key)) row[key] = outcome[key];
  }
  const TechniquePrediction* predicted = prediction_of(record, trial.cell.technique);
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
  row["samples"] = samples_json(trial.samples);
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

// --- CSV ---

/// Text in quotes where it needs them (RFC 4180).
std::string csv_text(std::string_view text) {
  if (text.find_first_of(",\"\n\r") == std::string_view::npos) return std::string(text);
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + '"';
}

struct Column {
  std::string_view name;
  std::string (*value)(const Trial& trial);
};

std::string number(std::optional<double> value) {
  return value ? fmt::format("{:.6g}", *value) : std::string();
}
std::string milliseconds_of(const std::optional<Seconds>& time) {
  return time ? fmt::format("{:.3f}", milliseconds(*time)) : std::string();
}
/// A value of the outcome; empty where there is none.
template <class Get>
std::string of_outcome(const Trial& trial, const Get& get) {
  return trial.record ? get(trial.record->outcome) : std::string();
}

/// A value of what a client saw; empty where there is none.
std::string text_of(const std::optional<Seconds>& time) {
  return milliseconds_of(time);
}
std::string text_of(const std::optional<std::int64_t>& count) {
  return count ? std::to_string(*count) : std::string();
}
template <auto Network::*Member>
std::string of_network(const Trial& trial) {
  return trial.network ? text_of((*trial.network).*Member) : std::string();
}
template <auto Network::*Member, auto Phase>
std::string of_phase(const Trial& trial) {
  return trial.network ? text_of(((*trial.network).*Member).*Phase) : std::string();
}
using Latency = Phases<Seconds>;
using Count = Phases<std::int64_t>;

const std::array kColumns{
    Column{"number", [](const Trial& t) { return std::to_string(t.number); }},
    Column{"at", [](const Trial& t) { return iso8601(t.wall_us); }},
    Column{"status", [](const Trial& t) { return status_of(t); }},
    Column{"technique", [](const Trial& t) { return std::string(to_string(t.cell.technique)); }},
    Column{"load", [](const Trial& t) { return csv_text(t.cell.load); }},
    Column{"spec", [](const Trial& t) { return csv_text(t.cell.spec); }},
    Column{"repeat", [](const Trial& t) { return std::to_string(t.cell.repeat); }},
    Column{"link_bytes_per_s", [](const Trial& t) { return number(t.cell.link.value()); }},
    Column{"ram_bytes", [](const Trial& t) { return std::to_string(t.cell.ram.count()); }},
    Column{"downtime_limit_ms",
           [](const Trial& t) { return milliseconds_of(t.cell.parameters.downtime_limit); }},
    Column{"pings", [](const Trial& t) { return std::string(t.cell.pings ? "1" : "0"); }},
    Column{"total_time_s",
           [](const Trial& t) {
             return of_outcome(t, [](const MigrationOutcome& o) {
               return o.total_time ? number(o.total_time->count()) : std::string();
             });
           }},
    Column{"downtime_qemu_ms",
           [](const Trial& t) {
             return of_outcome(
                 t, [](const MigrationOutcome& o) { return milliseconds_of(o.downtime.qemu); });
           }},
    Column{"downtime_events_ms",
           [](const Trial& t) {
             return of_outcome(
                 t, [](const MigrationOutcome& o) { return milliseconds_of(o.downtime.events); });
           }},
    Column{"downtime_probe_ms",
           [](const Trial& t) {
             return of_outcome(
                 t, [](const MigrationOutcome& o) { return milliseconds_of(o.downtime.probe); });
           }},
    Column{"transferred_qemu_bytes",
           [](const Trial& t) {
             return of_outcome(t, [](const MigrationOutcome& o) {
               return o.transferred.qemu ? std::to_string(o.transferred.qemu->count())
                                         : std::string();
             });
           }},
    Column{"transferred_wire_bytes",
           [](const Trial& t) {
             return of_outcome(t, [](const MigrationOutcome& o) {
               return o.transferred.wire ? std::to_string(o.transferred.wire->count())
                                         : std::string();
             });
           }},
    Column{"rounds",
           [](const Trial& t) {
             return of_outcome(
                 t, [](const MigrationOutcome& o) { return std::to_string(o.rounds.size()); });
           }},
    Column{"slowdown",
           [](const Trial& t) {
             return of_outcome(t, [](const MigrationOutcome& o) {
               return o.guest.slowdown ? number(o.guest.slowdown->value()) : std::string();
             });
           }},
    Column{"source_cpu_s",
           [](const Trial& t) {
             return t.host_cpu.source ? number(t.host_cpu.source->count()) : std::string();
           }},
    Column{"destination_cpu_s",
           [](const Trial& t) {
             return t.host_cpu.destination ? number(t.host_cpu.destination->count())
                                           : std::string();
           }},
    Column{"tcp_gap_ms", of_network<&Network::tcp_gap>},
    Column{"udp_lost", of_network<&Network::udp_lost>},
    Column{"udp_out_of_order", of_network<&Network::udp_out_of_order>},
    Column{"http_p50_before_ms", of_phase<&Network::http_p50, &Latency::before>},
    Column{"http_p50_during_ms", of_phase<&Network::http_p50, &Latency::during>},
    Column{"http_p50_after_ms", of_phase<&Network::http_p50, &Latency::after>},
    Column{"http_p99_before_ms", of_phase<&Network::http_p99, &Latency::before>},
    Column{"http_p99_during_ms", of_phase<&Network::http_p99, &Latency::during>},
    Column{"http_p99_after_ms", of_phase<&Network::http_p99, &Latency::after>},
    Column{"http_failed_before", of_phase<&Network::http_failed, &Count::before>},
    Column{"http_failed_during", of_phase<&Network::http_failed, &Count::during>},
    Column{"http_failed_after", of_phase<&Network::http_failed, &Count::after>},
    Column{"reason", [](const Trial& t) {
             return csv_text(t.broken ? *t.broken : t.record->outcome.reason);
           }}};

}  // namespace

Json report_json(const RunHeader& header, const std::vector<Trial>& trials,
                 std::int64_t made_wall_us) {
  Json rows = Json::array();
  for (const Trial& trial : trials) rows.push_back(row_json(trial));
  return Json{{"version", 1},
              {"title", header.name},
              {"made", iso8601(made_wall_us)},
              {"godwit", header.godwit},
              {"suite", {{"name", header.name}, {"toml", header.toml}}},
              {"host", host_json(header, trials)},
              {"rows", std::move(rows)}};
}

std::string report_csv(const std::vector<Trial>& trials) {
  std::string text;
  for (const Column& column : kColumns) {
    text += fmt::format("{}{}", text.empty() ? "" : ",", column.name);
  }
  text += '\n';
  for (const Trial& trial : trials) {
    std::string line;
    for (const Column& column : kColumns) {
      if (&column != kColumns.data()) line += ',';
      line += column.value(trial);
    }
    text += line + '\n';
  }
  return text;
}

Result<std::string> fill_page(std::string_view page, const Json& data) {
  const auto at = page.find(kPlaceholder);
  if (at == std::string_view::npos ||
      page.find(kPlaceholder, at + kPlaceholder.size()) != std::string_view::npos) {
    return fail(ErrorCode::kCorrupt, "the report page has not exactly one place for the data",
                "build it anew: ./dev build");
  }
  std::string text;
  for (const char c : data.dump(-1, ' ', false, Json::error_handler_t::replace)) {
    if (c == '<') {
      text += "\\u003c";  // no "</script>" from a load's name ends the data
    } else {
      text += c;
    }
  }
  return fmt::format("{}{}{}", page.substr(0, at), text, page.substr(at + kPlaceholder.size()));
}

}  // namespace godwit::bench
