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

Technique read_technique(JsonReader& in) {
  const std::string name = in.text("technique");
  const auto technique = parse_technique(name);
  if (!technique && !in.error()) in.reject("technique", "is no technique: " + name);
  return technique ? *technique : Technique();
}

}  // namespace

Json to_json(const Cell& cell) {
  return Json{{"load", cell.load},
              {"spec", cell.spec},
              {"technique", to_string(cell.technique)},
              {"parameters", godwit::to_json(cell.parameters)},
              {"link_bytes_per_s", cell.link.value()},
              {"ram_bytes", cell.ram.count()},
              {"max_time_s", cell.max_time.count()},
              {"observe_s", cell.observe.count()},
              {"rehearse", cell.rehearse},
              {"pings", cell.pings},
              {"sweep", cell.sweep},
              {"repeat", cell.repeat}};
}

Result<Cell> cell_from_json(const Json& json) {
  JsonReader in(json, "cell");
  Cell cell;
  cell.load = in.text("load");
  cell.spec = in.text("spec");
  cell.technique = read_technique(in);
  if (const Json* parameters = in.require("parameters")) {
    const auto read = parameters_from_json(*parameters);
    if (read) cell.parameters = *read;
    if (!read) in.adopt(read.error());
  }
  cell.link = in.rate("link_bytes_per_s");
  cell.ram = in.bytes("ram_bytes");
  cell.max_time = in.seconds("max_time_s");
  cell.observe = in.seconds("observe_s");
  cell.rehearse = in.boolean("rehearse");
  cell.pings = in.boolean("pings");
  cell.sweep = read_sweep(in);
  const std::int64_t repeat = in.integer("repeat");
  if (repeat < 1 || repeat > kMaxRepeats) in.reject("repeat", "is not 1 to 1000");
  if (in.error()) return fail(*in.error());
  cell.repeat = static_cast<int>(repeat);
  return cell;
}

std::string describe(const Cell& cell) {
  std::string text = fmt::format("{} by {} over {}, {}", cell.load, to_string(cell.technique),
                                 human(cell.link), human(cell.ram));
  for (const auto& [key, value] : cell.sweep) text += fmt::format(", {}={}", key, value);
  return text + fmt::format(", repeat {}", cell.repeat);
}

}  // namespace godwit::bench
