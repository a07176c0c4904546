#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "godwit/base/json_reader.h"
#include "godwit/codec/codec.h"

namespace godwit {
namespace {

CgroupVersion read_version(JsonReader& in) {
  const std::int64_t version = in.integer("cgroup_version");
  if (version != 1 && version != 2) in.reject("cgroup_version", "is neither 1 nor 2");
  return version == 1 ? CgroupVersion::kV1 : CgroupVersion::kV2;
}

std::vector<CgroupHome> read_homes(JsonReader& in) {
  std::vector<CgroupHome> homes;
  const Json* array = in.array("homes");
  for (std::size_t i = 0; array != nullptr && i < array->size() && !in.error(); ++i) {
    JsonReader home((*array)[i], fmt::format("{}[{}]", in.path_of("homes"), i));
    homes.push_back({home.text("folder"), home.boolean("controller_was_off")});
    if (home.error()) in.adopt(*home.error());
  }
  return homes;
}

}  // namespace

Json to_json(const LentCpu& lent) {
  Json homes = Json::array();
  for (const CgroupHome& home : lent.homes) {
    homes.push_back(Json{{"folder", home.folder}, {"controller_was_off", home.controller_was_off}});
  }
  return Json{{"pid", lent.pid},
              {"started", lent.started},
              {"cgroup_version", lent.version == CgroupVersion::kV1 ? 1 : 2},
              {"group", lent.group},
              {"homes", std::move(homes)}};
}

Result<LentCpu> lent_cpu_from_json(const Json& json) {
  JsonReader in(json, "lent_cpu");
  LentCpu lent;
  lent.pid = in.integer("pid");
  lent.started = in.integer("started");
  lent.version = read_version(in);
  lent.group = in.text("group");
  lent.homes = read_homes(in);
  if (in.error()) return fail(*in.error());
  return lent;
}

}  // namespace godwit
