#include "godwit/bench/trial_csv.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <optional>
#include <string_view>

#include "godwit/codec/codec.h"
#include "godwit/domain/technique.h"

namespace godwit::bench {
namespace {

// --- one value as text; an absent one is empty ---

/// In quotes where it needs them (RFC 4180).
std::string csv_text(std::string_view text) {
  if (text.find_first_of(",\"\n\r") == std::string_view::npos) return std::string(text);
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + '"';
}
std::string number(std::optional<double> value) {
  return value ? fmt::format("{:.6g}", *value) : std::string();
}
std::string seconds(std::optional<Seconds> time) {
  return time ? fmt::format("{:.6g}", time->count()) : std::string();
}
std::string milliseconds(std::optional<Seconds> time) {
  return time ? fmt::format("{:.6g}", time->count() * 1e3) : std::string();
}
std::string bytes(std::optional<Bytes> size) {
  return size ? std::to_string(size->count()) : std::string();
}
std::string count(std::optional<std::int64_t> number) {
  return number ? std::to_string(*number) : std::string();
}
std::string ratio(std::optional<Ratio> share) {
  return share ? number(share->value()) : std::string();
}

// --- where values come from ---

/// A value of the outcome.
template <class Get>
std::string of_outcome(const Trial& trial, const Get& get) {
  return trial.record ? get(trial.record->outcome) : std::string();
}
template <class Get>
std::string of_storage(const Trial& trial, const Get& get) {
  return trial.record && trial.record->outcome.storage ? get(*trial.record->outcome.storage)
                                                       : std::string();
}
/// A value of the profile.
template <class Get>
std::string of_profile(const Trial& trial, const Get& get) {
  return trial.record && trial.record->profile ? get(*trial.record->profile) : std::string();
}

/// What the guest changed within a window, by a source; nothing where that was not measured.
std::string dirtied_within(const Trial& trial, DirtySource source, Seconds window) {
  return of_profile(trial, [&](const GuestProfile& profile) {
    const std::vector<DirtyPoint>* curve =
        profile.source == source ? &profile.dirty_curve : nullptr;
    for (const SourcedCurve& other : profile.other_curves) {
      if (other.source == source) curve = &other.points;
    }
    if (curve == nullptr) return std::string();
    for (const DirtyPoint& point : *curve) {
      if (std::abs(point.window / window - 1) < 0.1) return bytes(point.unique);
    }
    return std::string();
  });
}
std::string hashed_within(const Trial& trial, Seconds window) {
  return dirtied_within(trial, DirtySource::kContentHash, window);
}

/// What a client saw. Members of Network, and of its phases.
template <auto Network::*Member>
std::string network_time(const Trial& trial) {
  return trial.network ? milliseconds((*trial.network).*Member) : std::string();
}
template <auto Network::*Member>
std::string network_count(const Trial& trial) {
  return trial.network ? count((*trial.network).*Member) : std::string();
}
using Times = Phases<Seconds>;
template <Times Network::*Member, auto Phase>
std::string http_time(const Trial& trial) {
  return trial.network ? milliseconds((*trial.network).*Member.*Phase) : std::string();
}
using Counts = Phases<std::int64_t>;
template <auto Phase>
std::string http_failed(const Trial& trial) {
  return trial.network ? count(trial.network->http_failed.*Phase) : std::string();
}

using Outcome = const MigrationOutcome&;
using Profile = const GuestProfile&;

struct Column {
  std::string_view name;
  std::string (*value)(const Trial& trial);
};

const std::array kColumns{
    Column{"number", [](const Trial& t) { return std::to_string(t.number); }},
    Column{"at", [](const Trial& t) { return iso8601(t.wall_us); }},
    Column{"status", [](const Trial& t) { return status_of(t); }},
    // chosen beforehand
    Column{"technique", [](const Trial& t) { return to_string(technique_of(t)); }},
    Column{"load", [](const Trial& t) { return csv_text(t.cell.load); }},
    Column{"spec", [](const Trial& t) { return csv_text(t.cell.spec); }},
    Column{"repeat", [](const Trial& t) { return std::to_string(t.cell.repeat); }},
    Column{"link_bytes_per_s", [](const Trial& t) { return number(t.cell.link.value()); }},
    Column{"ram_bytes", [](const Trial& t) { return bytes(t.cell.ram); }},
    Column{"downtime_limit_ms",
           [](const Trial& t) { return milliseconds(t.cell.parameters.downtime_limit); }},
    Column{"precopy_share", [](const Trial& t) { return ratio(parameters_of(t).precopy_share); }},
    Column{"precopy_storage",
           [](const Trial& t) { return ratio(parameters_of(t).precopy_storage); }},
    Column{"advised", [](const Trial& t) { return std::string(t.cell.advised ? "1" : "0"); }},
    Column{"round_trip_ms",
           [](const Trial& t) { return milliseconds(std::optional(t.cell.round_trip)); }},
    Column{"disk_bytes", [](const Trial& t) { return bytes(t.cell.disk); }},
    Column{"disk_filled", [](const Trial& t) { return ratio(t.cell.disk_filled); }},
    Column{"law", [](const Trial& t) { return csv_text(t.cell.law); }},
    Column{"max_downtime_ms", [](const Trial& t) { return milliseconds(t.cell.max_downtime); }},
    Column{"no_postcopy",
           [](const Trial& t) { return std::string(t.cell.no_postcopy ? "1" : "0"); }},
    Column{"relay", [](const Trial& t) { return std::string(t.cell.relay ? "1" : "0"); }},
    Column{"postcopy_preempt",
           [](const Trial& t) {
             const auto preempt = t.cell.parameters.postcopy_preempt;
             return std::string(!preempt ? "" : *preempt ? "1" : "0");
           }},
    Column{"max_time_s", [](const Trial& t) { return seconds(t.cell.max_time); }},
    Column{"pings", [](const Trial& t) { return std::string(t.cell.pings ? "1" : "0"); }},
    // the profile taken before
    Column{"zero_share",
           [](const Trial& t) {
             return of_profile(t, [](Profile p) { return ratio(p.zero_share); });
           }},
    Column{
        "vcpu_use",
        [](const Trial& t) { return of_profile(t, [](Profile p) { return number(p.vcpu_use); }); }},
    Column{"hashed_125ms_bytes", [](const Trial& t) { return hashed_within(t, Seconds(0.125)); }},
    Column{"hashed_250ms_bytes", [](const Trial& t) { return hashed_within(t, Seconds(0.25)); }},
    Column{"hashed_500ms_bytes", [](const Trial& t) { return hashed_within(t, Seconds(0.5)); }},
    Column{"hashed_1s_bytes", [](const Trial& t) { return hashed_within(t, Seconds(1)); }},
    Column{"hashed_2s_bytes", [](const Trial& t) { return hashed_within(t, Seconds(2)); }},
    // what came of it
    Column{"vm_runs_on",
           [](const Trial& t) {
             return of_outcome(t, [](Outcome o) { return std::string(to_string(o.vm_runs_on)); });
           }},
    Column{"total_time_s",
           [](const Trial& t) {
             return of_outcome(t, [](Outcome o) { return seconds(o.total_time); });
           }},
    Column{"downtime_qemu_ms",
           [](const Trial& t) {
             return of_outcome(t, [](Outcome o) { return milliseconds(o.downtime.qemu); });
           }},
    Column{"downtime_events_ms",
           [](const Trial& t) {
             return of_outcome(t, [](Outcome o) { return milliseconds(o.downtime.events); });
           }},
    Column{"downtime_probe_ms",
           [](const Trial& t) {
             return of_outcome(t, [](Outcome o) { return milliseconds(o.downtime.probe); });
           }},
    Column{"transferred_qemu_bytes",
           [](const Trial& t) {
             return of_outcome(t, [](Outcome o) { return bytes(o.transferred.qemu); });
           }},
    Column{"transferred_wire_bytes",
           [](const Trial& t) {
             return of_outcome(t, [](Outcome o) { return bytes(o.transferred.wire); });
           }},
    Column{"storage_ready_s",
           [](const Trial& t) {
             return of_storage(t, [](const StorageOutcome& s) { return seconds(s.ready_after); });
           }},
    Column{"runs_there_s", [](const Trial& t) { return seconds(t.runs_there); }},
    Column{"independent_after_s",
           [](const Trial& t) {
             return of_storage(
                 t, [](const StorageOutcome& s) { return seconds(s.independent_after); });
           }},
    Column{"restored_s", [](const Trial& t) { return seconds(t.restored); }},
    Column{"agility", [](const Trial& t) { return number(agility_of(t)); }},
    Column{"rounds",
           [](const Trial& t) {
             return of_outcome(t, [](Outcome o) { return std::to_string(o.rounds.size()); });
           }},
    Column{"work_lost",
           [](const Trial& t) {
             return of_outcome(t, [](Outcome o) { return ratio(o.guest.slowdown); });
           }},
    Column{"source_cpu_s", [](const Trial& t) { return seconds(t.host_cpu.source); }},
    Column{"destination_cpu_s", [](const Trial& t) { return seconds(t.host_cpu.destination); }},
    // what a client of its load saw
    Column{"tcp_gap_ms", network_time<&Network::tcp_gap>},
    Column{"udp_lost", network_count<&Network::udp_lost>},
    Column{"udp_out_of_order", network_count<&Network::udp_out_of_order>},
    Column{"http_p50_before_ms", http_time<&Network::http_p50, &Times::before>},
    Column{"http_p50_during_ms", http_time<&Network::http_p50, &Times::during>},
    Column{"http_p50_after_ms", http_time<&Network::http_p50, &Times::after>},
    Column{"http_p99_before_ms", http_time<&Network::http_p99, &Times::before>},
    Column{"http_p99_during_ms", http_time<&Network::http_p99, &Times::during>},
    Column{"http_p99_after_ms", http_time<&Network::http_p99, &Times::after>},
    Column{"http_failed_before", http_failed<&Counts::before>},
    Column{"http_failed_during", http_failed<&Counts::during>},
    Column{"http_failed_after", http_failed<&Counts::after>},
    Column{"reason", [](const Trial& t) {
             return t.broken ? csv_text(*t.broken)
                             : of_outcome(t, [](Outcome o) { return csv_text(o.reason); });
           }}};

}  // namespace

std::string csv_header() {
  std::string text = "run";
  for (const Column& column : kColumns) text += fmt::format(",{}", column.name);
  return text;
}

std::string csv_row(const RunHeader& header, const Trial& trial) {
  std::string text = std::to_string(header.seed);
  for (const Column& column : kColumns) text += "," + column.value(trial);
  return text;
}

}  // namespace godwit::bench
