#include "godwit/bench/cell.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "godwit/base/json_reader.h"
#include "godwit/base/quantity.h"
#include "godwit/codec/codec.h"
#include "godwit/domain/technique.h"

namespace godwit::bench {
namespace {

/// `{"set": "64MiB"}`: text by text.
std::map<std::string, std::string> read_sweep(JsonReader& in) {
  std::map<std::string, std::string> sweep;
  const Json* object = in.require("sweep");
  if (object == nullptr) return sweep;
  if (!object->is_object()) {
    in.reject("sweep", "is no object");
    return sweep;
  }
  for (const auto& [key, value] : object->items()) {
    if (value.is_string()) {
      sweep[key] = value.get<std::string>();
    } else {
      in.reject("sweep", "holds something else than text");
    }
  }
  return sweep;
}

constexpr std::string_view kAuto = "auto";

}  // namespace

std::string technique_name(const Cell& cell) {
  if (!cell.advised) return to_string(cell.technique);
  return fmt::format("{}{}", kAuto, cell.technique.storage ? kStorageSuffix : "");
}

Result<void> set_technique(Cell& cell, std::string_view name) {
  const bool with_disks = name == fmt::format("{}{}", kAuto, kStorageSuffix);
  cell.advised = name == kAuto || with_disks;
  cell.technique = Technique::kPrecopy;
  cell.technique.storage = with_disks;
  if (cell.advised) return {};
  GODWIT_TRY(cell.technique, parse_technique(name));
  return {};
}

Intent intent_of(const Cell& cell) {
  Intent intent;
  intent.max_downtime = cell.max_downtime;
  intent.max_time = cell.max_time;
  intent.no_postcopy = cell.no_postcopy;
  intent.prefer = cell.prefer;
  return intent;
}

std::string intent_in_words(const Cell& cell) {
  std::string text = cell.max_downtime ? human(*cell.max_downtime) : std::string();
  if (cell.no_postcopy) text += text.empty() ? "no post-copy" : ", no post-copy";
  return text;
}

Json to_json(const Cell& cell) {
  return Json{{"load", cell.load},
              {"spec", cell.spec},
              {"technique", technique_name(cell)},
              {"parameters", godwit::to_json(cell.parameters)},
              {"link_bytes_per_s", cell.link.value()},
              {"round_trip_ms", cell.round_trip.count() * 1e3},
              {"ram_bytes", cell.ram.count()},
              {"disk_bytes", cell.disk.count()},
              {"disk_filled", cell.disk_filled.value()},
              {"max_time_s", cell.max_time.count()},
              {"observe_s", cell.observe.count()},
              {"rehearse", cell.rehearse},
              {"pings", cell.pings},
              {"law", cell.law},
              {"max_downtime_s", cell.max_downtime ? Json(cell.max_downtime->count()) : Json()},
              {"no_postcopy", cell.no_postcopy},
              {"prefer", to_string(cell.prefer)},
              {"relay", cell.relay},
              {"sweep", cell.sweep},
              {"repeat", cell.repeat}};
}

Result<Cell> cell_from_json(const Json& json) {
  JsonReader in(json, "cell");
  Cell cell;
  cell.load = in.text("load");
  cell.spec = in.text("spec");
  const std::string technique = in.text("technique");
  if (!set_technique(cell, technique) && !in.error()) {
    in.reject("technique", "is no technique: " + technique);
  }
  if (const Json* parameters = in.require("parameters")) {
    const auto read = parameters_from_json(*parameters);
    if (read) cell.parameters = *read;
    if (!read) in.adopt(read.error());
  }
  cell.link = in.rate("link_bytes_per_s");
  cell.round_trip = in.maybe_seconds("round_trip_ms").value_or(cell.round_trip);
  cell.ram = in.bytes("ram_bytes");
  cell.disk = in.maybe_bytes("disk_bytes").value_or(cell.disk);
  cell.disk_filled = in.maybe_ratio("disk_filled").value_or(cell.disk_filled);
  cell.max_time = in.seconds("max_time_s");
  cell.observe = in.seconds("observe_s");
  cell.rehearse = in.boolean("rehearse");
  cell.pings = in.boolean("pings");
  cell.law = in.maybe_text("law").value_or(cell.law);
  cell.max_downtime = in.maybe_seconds("max_downtime_s");
  cell.no_postcopy = in.maybe_boolean("no_postcopy").value_or(false);
  if (const auto prefer = in.maybe_text("prefer")) {
    const auto known = prefer_from_string(*prefer);
    if (!known) in.reject("prefer", "is nothing to prefer: " + *prefer);
    cell.prefer = known.value_or(cell.prefer);
  }
  cell.relay = in.maybe_boolean("relay").value_or(false);
  cell.sweep = read_sweep(in);
  const std::int64_t repeat = in.integer("repeat");
  if (repeat < 1 || repeat > kMaxRepeats) in.reject("repeat", "is not 1 to 1000");
  if (in.error()) return fail(*in.error());
  cell.repeat = static_cast<int>(repeat);
  return cell;
}

std::string describe(const Cell& cell) {
  std::string text = fmt::format("{} by {} over {}, {}", cell.load, technique_name(cell),
                                 human(cell.link), human(cell.ram));
  if (cell.round_trip > Seconds(0)) text += ", round trip " + human(cell.round_trip);
  if (const auto share = cell.parameters.precopy_storage) {
    text += fmt::format(", {:g} of the disks first", share->value());
  }
  for (const auto& [key, value] : cell.sweep) text += fmt::format(", {}={}", key, value);
  if (cell.law != kNoLaw) text += fmt::format(", law {}", cell.law);
  if (const std::string wanted = intent_in_words(cell); !wanted.empty()) text += ", " + wanted;
  if (cell.relay) text += ", relayed";
  return text + fmt::format(", repeat {}", cell.repeat);
}

}  // namespace godwit::bench
