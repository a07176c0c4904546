#pragma once

#include <string>
#include <vector>

#include "godwit/base/error.h"
#include "godwit/qmp/message.h"

namespace godwit::qemu {

/// A bitmap that counts what is written to a node.
struct NodeBitmap {
  std::string device;  ///< as `Disk::device`
  std::string node;
  std::string name;
  Bytes count;        ///< written, in whole chunks
  Bytes granularity;  ///< the size of a chunk
  friend bool operator==(const NodeBitmap&, const NodeBitmap&) = default;
};
/// Of `query-block`: those of the disks' own nodes that have a name.
Result<std::vector<NodeBitmap>> decode_node_bitmaps(const Json& json);

struct BlockExport {
  std::string id;
  std::string node;
  std::string type;  ///< "nbd", "vhost-user-blk" …
  friend bool operator==(const BlockExport&, const BlockExport&) = default;
};
/// Of `query-block-exports`.
Result<std::vector<BlockExport>> decode_block_exports(const Json& json);

/// One block node stands on another.
struct GraphEdge {
  std::string parent;
  std::string role;  ///< "file", "backing" …
  std::string child;
  friend bool operator==(const GraphEdge&, const GraphEdge&) = default;
};
/// Of `x-debug-query-block-graph`, by the nodes' names.
Result<std::vector<GraphEdge>> decode_graph(const Json& json);

/// How a node is open: what a reopening has to say again, as it goes back to its default otherwise.
struct NodeSettings {
  std::string driver;
  std::string detect_zeroes;
  bool direct = false;
  bool no_flush = false;
};
/// Of `query-named-block-nodes`; kNotFound without such a node.
Result<NodeSettings> decode_node_settings(const Json& json, const std::string& node);

}  // namespace godwit::qemu
