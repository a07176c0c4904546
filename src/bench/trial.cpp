#include "godwit/bench/trial.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "godwit/base/json_reader.h"
#include "godwit/codec/codec.h"
#include "godwit/model/zhang.h"

namespace godwit::bench {
namespace {

/// A column of numbers, null where there is none.
template <class Row, class Get>
Json column(const std::vector<Row>& rows, const Get& get) {
  Json values = Json::array();
  for (const Row& row : rows) {
    const auto value = get(row);
    values.push_back(value ? Json(*value) : Json());
  }
  return values;
}

/// To a microsecond: what is finer is noise, and costs room.
std::optional<double> rounded(double seconds) {
  return std::round(seconds * 1e6) / 1e6;
}

Json samples_json(const std::vector<Sample>& samples) {
  return Json{
      {"t_s", column(samples, [](const Sample& s) { return rounded(s.at.count()); })},
      {"transferred_bytes",
       column(samples, [](const Sample& s) { return std::optional(s.transferred.count()); })},
      {"remaining_bytes", column(samples,
                                 [](const Sample& s) {
                                   return s.remaining ? std::optional(s.remaining->count())
                                                      : std::nullopt;
                                 })},
      {"dirtied_bytes_per_s", column(samples,
                                     [](const Sample& s) {
                                       return s.dirty_rate ? std::optional(s.dirty_rate->value())
                                                           : std::nullopt;
                                     })},
      {"throttle_percent", column(samples, [](const Sample& s) { return s.throttle_percent; })}};
}

Json pings_json(const std::vector<PingSample>& pings) {
  return Json{{"t_s", column(pings, [](const PingSample& p) { return rounded(p.at.count()); })},
              {"answer_ms", column(pings, [](const PingSample& p) {
                 return p.answer ? rounded(p.answer->count() * 1e3) : std::nullopt;
               })}};
}

/// Reads columns of one length, all numbers or null.
class Columns {
 public:
  Columns(JsonReader& outer, std::string_view key) : outer_(outer), key_(key) {
    const Json* object = outer.require(key);
    if (object == nullptr) return;
    if (object->is_object()) {
      object_ = object;
    } else {
      outer.reject(key, "is no object");
    }
  }

  /// The length that all columns must have.
  std::size_t rows(std::string_view first) {
    const Json* values = find(first);
    rows_ = values != nullptr ? values->size() : 0;
    return rows_;
  }

  std::optional<double> at(std::string_view name, std::size_t row) {
    const Json* values = find(name);
    if (values == nullptr || values->size() != rows_) {
      if (values != nullptr)
        outer_.reject(key_, fmt::format("has a column {} of its own length", name));
      return std::nullopt;
    }
    const Json& value = (*values)[row];
    if (value.is_null()) return std::nullopt;
    if (value.is_number() && std::isfinite(value.get<double>())) return value.get<double>();
    outer_.reject(key_, fmt::format("holds no number in {}", name));
    return std::nullopt;
  }

 private:
  const Json* find(std::string_view name) {
    if (object_ == nullptr) return nullptr;
    const auto found = object_->find(name);
    if (found != object_->end() && found->is_array()) return &*found;
    outer_.reject(key_, fmt::format("has no column {}", name));
    return nullptr;
  }

  JsonReader& outer_;
  std::string key_;
  const Json* object_ = nullptr;
  std::size_t rows_ = 0;
};

std::vector<Sample> read_samples(JsonReader& in) {
  Columns columns(in, "samples");
  std::vector<Sample> samples(columns.rows("t_s"));
  for (std::size_t row = 0; row < samples.size() && !in.error(); ++row) {
    Sample& sample = samples[row];
    sample.at = Seconds(columns.at("t_s", row).value_or(0));
    sample.transferred = Bytes(std::llround(columns.at("transferred_bytes", row).value_or(0)));
    if (const auto left = columns.at("remaining_bytes", row)) {
      sample.remaining = Bytes(std::llround(*left));
    }
    if (const auto rate = columns.at("dirtied_bytes_per_s", row)) {
      sample.dirty_rate = BytesPerSecond(*rate);
    }
    if (const auto throttle = columns.at("throttle_percent", row)) {
      sample.throttle_percent = static_cast<int>(std::lround(*throttle));
    }
  }
  return samples;
}

std::vector<PingSample> read_pings(JsonReader& in) {
  Columns columns(in, "pings");
  std::vector<PingSample> pings(columns.rows("t_s"));
  for (std::size_t row = 0; row < pings.size() && !in.error(); ++row) {
    pings[row].at = Seconds(columns.at("t_s", row).value_or(0));
    if (const auto answer = columns.at("answer_ms", row))
      pings[row].answer = Seconds(*answer / 1e3);
  }
  return pings;
}

template <class T, class Get>
void put_phases(Json& into, const char* key, const Phases<T>& phases, const Get& get) {
  Json object = Json::object();
  if (phases.before) object["before"] = get(*phases.before);
  if (phases.during) object["during"] = get(*phases.during);
  if (phases.after) object["after"] = get(*phases.after);
  if (!object.empty()) into[key] = std::move(object);
}

Json network_json(const Network& network) {
  const auto ms = [](Seconds time) { return *rounded(time.count() * 1e3); };
  Json json = Json::object();
  if (network.tcp_gap) json["tcp_gap_ms"] = ms(*network.tcp_gap);
  if (network.udp_lost) json["udp_lost"] = *network.udp_lost;
  if (network.udp_out_of_order) json["udp_out_of_order"] = *network.udp_out_of_order;
  put_phases(json, "http_p50_ms", network.http_p50, ms);
  put_phases(json, "http_p99_ms", network.http_p99, ms);
  put_phases(json, "http_failed", network.http_failed, [](std::int64_t count) { return count; });
  if (network.trouble) json["trouble"] = *network.trouble;
  return json;
}

/// `read(inner, key)` gives one phase's value.
template <class T, class Read>
Phases<T> read_phases(JsonReader& in, std::string_view key, const Read& read) {
  const Json* object = in.find(key);
  if (object == nullptr) return {};
  JsonReader inner(*object, in.path_of(key));
  Phases<T> phases{read(inner, "before"), read(inner, "during"), read(inner, "after")};
  if (inner.error()) in.adopt(*inner.error());
  return phases;
}

std::optional<std::int64_t> read_count(JsonReader& in, std::string_view key) {
  const auto count = in.maybe_integer(key);
  if (count && *count < 0) in.reject(key, "is below zero");
  return count;
}

std::optional<Network> read_network(JsonReader& outer) {
  const Json* object = outer.find("network");
  if (object == nullptr) return std::nullopt;
  JsonReader in(*object, outer.path_of("network"));
  const auto ms = [](JsonReader& from, std::string_view key) {
    return from.maybe_milliseconds(key);
  };
  Network network;
  network.tcp_gap = in.maybe_milliseconds("tcp_gap_ms");
  network.udp_lost = read_count(in, "udp_lost");
  network.udp_out_of_order = read_count(in, "udp_out_of_order");
  network.http_p50 = read_phases<Seconds>(in, "http_p50_ms", ms);
  network.http_p99 = read_phases<Seconds>(in, "http_p99_ms", ms);
  network.http_failed = read_phases<std::int64_t>(in, "http_failed", read_count);
  network.trouble = in.maybe_text("trouble");
  if (in.error()) outer.adopt(*in.error());
  return network;
}

HostCpu read_host_cpu(JsonReader& in) {
  const Json* object = in.require("host_cpu_s");
  if (object == nullptr) return {};
  JsonReader inner(*object, in.path_of("host_cpu_s"));
  HostCpu cpu;
  const auto source = inner.maybe_number("source");
  const auto destination = inner.maybe_number("destination");
  if (source) cpu.source = Seconds(*source);
  if (destination) cpu.destination = Seconds(*destination);
  if (inner.error()) in.adopt(*inner.error());
  return cpu;
}

}  // namespace

std::string status_of(const Trial& trial) {
  return trial.record ? std::string(to_string(trial.record->outcome.status)) : "broken";
}

namespace {

bool was_advised(const Trial& trial) {
  return trial.cell.advised && trial.record && trial.record->predicted &&
         trial.record->predicted->advice;
}

}  // namespace

Technique technique_of(const Trial& trial) {
  return was_advised(trial) ? trial.record->predicted->advice->technique : trial.cell.technique;
}

const MigrationParameters& parameters_of(const Trial& trial) {
  return was_advised(trial) ? trial.record->outcome.parameters : trial.cell.parameters;
}

std::optional<double> agility_of(const Trial& trial) {
  if (!trial.record || !trial.restored || !trial.record->outcome.downtime.events) {
    return std::nullopt;
  }
  return model::kZhangWork / (*trial.record->outcome.downtime.events + *trial.restored);
}

Json to_json(const Trial& trial) {
  Json json{
      {"number", trial.number}, {"at", iso8601(trial.wall_us)}, {"cell", to_json(trial.cell)}};
  if (trial.broken) json["broken"] = *trial.broken;
  if (trial.record) json["record"] = godwit::to_json(*trial.record);
  json["samples"] = samples_json(trial.samples);
  json["pings"] = pings_json(trial.pings);
  json["host_cpu_s"] = Json::object();
  if (trial.host_cpu.source) json["host_cpu_s"]["source"] = trial.host_cpu.source->count();
  if (trial.host_cpu.destination) {
    json["host_cpu_s"]["destination"] = trial.host_cpu.destination->count();
  }
  if (trial.network) json["network"] = network_json(*trial.network);
  if (trial.runs_there) json["runs_there_s"] = trial.runs_there->count();
  if (trial.restored) json["restored_s"] = trial.restored->count();
  return json;
}

Result<Trial> trial_from_json(const Json& json) {
  JsonReader in(json, "trial");
  Trial trial;
  trial.number = in.integer("number");
  const std::string at = in.text("at");
  const Json* cell = in.require("cell");
  trial.broken = in.maybe_text("broken");
  const Json* record = in.find("record");
  trial.samples = read_samples(in);
  trial.pings = read_pings(in);
  trial.host_cpu = read_host_cpu(in);
  trial.network = read_network(in);
  trial.runs_there = in.maybe_seconds("runs_there_s");
  trial.restored = in.maybe_seconds("restored_s");
  if (!in.error() && trial.broken.has_value() == (record != nullptr)) {
    in.reject("record", "must be there exactly when the trial is not broken");
  }
  if (in.error()) return fail(*in.error());
  GODWIT_TRY(trial.wall_us, parse_iso8601(at));
  GODWIT_TRY(trial.cell, cell_from_json(*cell));
  if (record != nullptr) {
    GODWIT_TRY(trial.record, record_from_json(*record));
  }
  return trial;
}

}  // namespace godwit::bench
