#include "godwit/bench/trial.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "godwit/domain/json_reader.h"

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
