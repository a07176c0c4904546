#include "decode_sharing.h"

#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>

#include "checked.h"
#include "godwit/base/json_reader.h"

namespace godwit::qemu {

Result<std::vector<NodeBitmap>> decode_node_bitmaps(const Json& json) {
  if (!json.is_array()) return fail(qmp::unreadable("query-block", "no list"));
  std::vector<NodeBitmap> found;
  for (const Json& one : json) {
    JsonReader in(one, "query-block");
    const Json* inserted = in.find("inserted");
    std::string device = in.maybe_text("device").value_or("");
    if (device.empty()) device = in.maybe_text("qdev").value_or("");
    GODWIT_CHECK_OK(checked(in, "query-block"));
    if (inserted == nullptr) continue;
    JsonReader medium(*inserted, "query-block.inserted");
    const std::string node = medium.maybe_text("node-name").value_or("");
    const Json* bitmaps = medium.find("dirty-bitmaps");
    GODWIT_CHECK_OK(checked(medium, "query-block"));
    if (bitmaps == nullptr || !bitmaps->is_array()) continue;
    for (const Json& bitmap : *bitmaps) {
      JsonReader about(bitmap, "query-block.dirty-bitmaps");
      const std::string name = about.maybe_text("name").value_or("");
      const Bytes count = about.maybe_bytes("count").value_or(Bytes());
      const Bytes granularity = about.maybe_bytes("granularity").value_or(Bytes());
      GODWIT_CHECK_OK(checked(about, "query-block"));
      if (!name.empty()) found.push_back({device, node, name, count, granularity});
    }
  }
  return found;
}

Result<std::vector<BlockExport>> decode_block_exports(const Json& json) {
  constexpr const char* kQuestion = "query-block-exports";
  if (!json.is_array()) return fail(qmp::unreadable(kQuestion, "no list"));
  std::vector<BlockExport> found;
  for (const Json& one : json) {
    JsonReader in(one, kQuestion);
    found.push_back({in.text("id"), in.maybe_text("node-name").value_or(""),
                     in.maybe_text("type").value_or("")});
    GODWIT_CHECK_OK(checked(in, kQuestion));
  }
  return found;
}

Result<std::vector<GraphEdge>> decode_graph(const Json& json) {
  constexpr const char* kQuestion = "x-debug-query-block-graph";
  JsonReader in(json, kQuestion);
  const Json* nodes = in.array("nodes");
  const Json* edges = in.array("edges");
  GODWIT_CHECK_OK(checked(in, kQuestion));
  std::map<std::int64_t, std::string> names;
  for (const Json& one : *nodes) {
    JsonReader node(one, "nodes");
    names[node.integer("id")] = node.text("name");
    GODWIT_CHECK_OK(checked(node, kQuestion));
  }
  std::vector<GraphEdge> found;
  for (const Json& one : *edges) {
    JsonReader edge(one, "edges");
    const std::int64_t parent = edge.integer("parent");
    const std::int64_t child = edge.integer("child");
    found.push_back({names[parent], edge.text("name"), names[child]});
    GODWIT_CHECK_OK(checked(edge, kQuestion));
  }
  return found;
}

Result<NodeSettings> decode_node_settings(const Json& json, const std::string& node) {
  constexpr const char* kQuestion = "query-named-block-nodes";
  if (!json.is_array()) return fail(qmp::unreadable(kQuestion, "no list"));
  for (const Json& one : json) {
    JsonReader in(one, kQuestion);
    if (in.maybe_text("node-name").value_or("") != node) continue;
    NodeSettings settings;
    settings.driver = in.text("drv");
    settings.detect_zeroes = in.text("detect_zeroes");
    const Json* cache = in.require("cache");
    GODWIT_CHECK_OK(checked(in, kQuestion));
    JsonReader about(*cache, "cache");
    settings.direct = about.boolean("direct");
    settings.no_flush = about.boolean("no-flush");
    GODWIT_CHECK_OK(checked(about, kQuestion));
    return settings;
  }
  return fail(ErrorCode::kNotFound, fmt::format("QEMU has no block node {}", node));
}

}  // namespace godwit::qemu
