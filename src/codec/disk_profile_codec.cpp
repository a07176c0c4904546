#include "disk_profile_codec.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "godwit/base/json_reader.h"

namespace godwit {
namespace {

Json json_of_writes(const DiskWrites& writes) {
  Json classes = Json::array();
  for (const ChunkClass& c : writes.classes) {
    classes.push_back(Json{{"chunks", c.chunks}, {"writes_per_s", c.writes_per_s}});
  }
  return Json{{"chunk_bytes", writes.chunk.count()},
              {"observed_s", writes.observed.count()},
              {"classes", std::move(classes)}};
}

Result<DiskWrites> writes_from_json(const Json& json) {
  JsonReader in(json, "writes");
  DiskWrites writes;
  writes.chunk = in.bytes("chunk_bytes");
  writes.observed = in.seconds("observed_s");
  if (writes.chunk <= Bytes()) in.reject("chunk_bytes", "is no size");
  const Json* classes = in.array("classes");
  for (std::size_t i = 0; classes != nullptr && i < classes->size() && !in.error(); ++i) {
    JsonReader one((*classes)[i], in.path_of("classes"));
    const ChunkClass c{one.number("chunks"), one.number("writes_per_s")};
    if (c.chunks < 0) one.reject("chunks", "is negative");
    if (c.writes_per_s < 0) one.reject("writes_per_s", "is negative");
    if (one.error()) in.adopt(*one.error());
    writes.classes.push_back(c);
  }
  if (in.error()) return fail(*in.error());
  return writes;
}

}  // namespace

Json to_json(const DiskProfile& disk) {
  return Json{{"device", disk.device},
              {"size_bytes", disk.size.count()},
              {"allocated_bytes", disk.allocated ? Json(disk.allocated->count()) : Json(nullptr)},
              {"writes", disk.writes ? json_of_writes(*disk.writes) : Json(nullptr)}};
}

Result<DiskProfile> disk_profile_from_json(const Json& json) {
  JsonReader in(json, "disks");
  DiskProfile disk;
  disk.device = in.text("device");
  disk.size = in.bytes("size_bytes");
  disk.allocated = in.maybe_bytes("allocated_bytes");
  if (const Json* writes = in.find("writes")) {
    auto read = writes_from_json(*writes);
    if (!read) in.adopt(read.error());
    if (read) disk.writes = std::move(*read);
  }
  if (in.error()) return fail(*in.error());
  return disk;
}

}  // namespace godwit
