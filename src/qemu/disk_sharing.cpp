// The part of QmpHypervisor for disks of which a share is copied beforehand: at the source exports
// and bitmaps, at the destination a backing file that is the source's export, and jobs that fetch.
// Beside it, the watch of how disks are written.
// What was done by hand with QEMU 10.0, and why in this order, is in docs/disks.md.
#include "godwit/domain/disk_sharing.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <utility>

#include "decode.h"
#include "decode_sharing.h"
#include "godwit/base/log.h"
#include "godwit/qemu/qmp_hypervisor.h"
#include "nbd_disk.h"

namespace godwit::qemu {
namespace {

/// What is ours begins so. Exports at the source, and nodes at the destination:
constexpr std::string_view kRest = "godwit-rest-";
/// Bitmaps, and their exports, at the source:
constexpr std::string_view kWritten = "godwit-written-";
/// Bitmaps of a watch:
constexpr std::string_view kWatch = "godwit-watch";
/// Jobs at the destination:
constexpr std::string_view kFetch = "godwit-fetch-";
/// Bitmaps see writes by this much: a cluster of an image at least, 1 MiB for large disks.
constexpr std::int64_t kFinest = 64LL << 10;
constexpr std::int64_t kCoarsest = 1LL << 20;
constexpr std::int64_t kMostBits = 1LL << 20;

bool is_ours(std::string_view name) {
  return name.starts_with(kRest) || name.starts_with(kWritten);
}

std::int64_t granularity_for(const Disk& disk) {
  std::int64_t granularity = kFinest;
  while (granularity < kCoarsest && disk.size && disk.size->count() / granularity > kMostBits) {
    granularity *= 2;
  }
  return granularity;
}

Result<Disk> disk_called(const std::vector<Disk>& disks, const std::string& device) {
  const auto found = std::find_if(disks.begin(), disks.end(),
                                  [&device](const Disk& disk) { return disk.device == device; });
  if (found != disks.end()) return *found;
  return fail(ErrorCode::kNotFound, fmt::format("there is no disk {}", device));
}

bool in_the_way(const Result<void>& done) {
  return !done && done.error().code != ErrorCode::kRefused;
}

/// The node that stands on that one.
std::optional<std::string> disk_upon(const std::vector<GraphEdge>& graph, const std::string& node) {
  const auto edge = std::find_if(graph.begin(), graph.end(), [&node](const GraphEdge& one) {
    return one.role == "backing" && one.child == node;
  });
  return edge == graph.end() ? std::nullopt : std::optional(edge->parent);
}

int running_fetches(const std::vector<BlockJob>& jobs) {
  return static_cast<int>(std::count_if(jobs.begin(), jobs.end(), [](const BlockJob& job) {
    return job.id.starts_with(kFetch) && !job.ended;
  }));
}

/// Of one of so many jobs; QEMU takes 0 for no limit.
std::int64_t speed_of(BytesPerSecond most, std::size_t jobs) {
  return std::max<std::int64_t>(detail::checked_round(most.value() / static_cast<double>(jobs)), 1);
}

/// The number of a disk whose job has that name.
std::optional<std::size_t> fetched_disk(std::string_view job) {
  std::size_t disk = 0;
  const char* const end = job.data() + job.size();
  const auto read = std::from_chars(job.data() + kFetch.size(), end, disk);
  return read.ec == std::errc() && read.ptr == end ? std::optional(disk) : std::nullopt;
}

Json action(std::string_view type, Json data) {
  return Json{{"type", type}, {"data", std::move(data)}};
}

}  // namespace

DiskSharing* QmpHypervisor::disk_sharing() {
  const bool can = schema_.find("blockdev-set-active") != nullptr &&
                   schema_.find("x-debug-query-block-graph") != nullptr;
  return can ? this : nullptr;
}

Result<std::vector<BlockExport>> QmpHypervisor::block_exports() {
  if (schema_.find("query-block-exports") == nullptr) return std::vector<BlockExport>{};  // 5.2
  GODWIT_TRY(const Json listed, ask("query-block-exports"));
  return decode_block_exports(listed);
}

Result<std::vector<GraphEdge>> QmpHypervisor::block_graph() {
  GODWIT_TRY(const Json graph, ask("x-debug-query-block-graph"));
  return decode_graph(graph);
}

/// Those at the destination that lead to a source.
Result<std::vector<std::string>> QmpHypervisor::nodes_of_source() {
  GODWIT_TRY(const Json nodes, block_nodes());
  GODWIT_TRY(std::vector<std::string> names, decode_nodes(nodes));
  std::erase_if(names, [](const std::string& name) { return !name.starts_with(kRest); });
  return names;
}

// --- the source ---

Result<StorageOffer> QmpHypervisor::share_disks(const std::string& uri,
                                                const std::vector<std::string>& devices) {
  GODWIT_TRY(const Json parameters, ask("query-migrate-parameters"));
  GODWIT_TRY(const StreamTls tls, decode_tls(parameters));
  if (!tls.credentials.empty()) {
    return fail(ErrorCode::kUnsupported,
                "the migration is encrypted, and a share of the disks can't be copied so yet",
                "mirror all of them: leave the share out");
  }
  GODWIT_TRY(const std::vector<Disk> all, disks());
  GODWIT_TRY(StorageOffer offer, start_nbd_server(uri, Json::object()));
  shares_ = std::exchange(serves_, false);
  shared_.clear();
  Json bitmaps = Json::array();
  for (const std::string& device : devices) {
    GODWIT_TRY(const Disk disk, disk_called(all, device));
    const std::string name = fmt::format("{}{}", kRest, shared_.size());
    GODWIT_CHECK_OK(share_disk(node_of(disk), name, {}));
    bitmaps.push_back(
        action("block-dirty-bitmap-add", {{"node", node_of(disk)},
                                          {"name", fmt::format("{}{}", kWritten, rotation_)},
                                          {"granularity", granularity_for(disk)}}));
    shared_.push_back(node_of(disk));
    offer.exports.push_back({device, name});
  }
  GODWIT_CHECK_OK(order("transaction", Json{{"actions", bitmaps}}));
  return offer;
}

/// An export by its name, which it keeps when the guest has left.
Result<void> QmpHypervisor::share_disk(const std::string& node, const std::string& name,
                                       const std::string& bitmap) {
  Json arguments{{"type", "nbd"}, {"id", name},        {"node-name", node},
                 {"name", name},  {"writable", false}, {"allow-inactive", true}};
  if (!bitmap.empty()) arguments["bitmaps"] = Json::array({bitmap});
  return order("block-export-add", arguments);
}

/// An enabled bitmap can't be exported read-only, so the one that counted until now is disabled in
/// the very moment in which the next one begins.
Result<std::vector<WrittenExport>> QmpHypervisor::rotate_written() {
  const std::string done = fmt::format("{}{}", kWritten, rotation_);
  const std::string next = fmt::format("{}{}", kWritten, ++rotation_);
  GODWIT_CHECK_OK(forget_written(done));
  GODWIT_TRY(const std::vector<Disk> all, disks());
  Json actions = Json::array();
  for (const std::string& node : shared_) {
    const auto disk = std::find_if(all.begin(), all.end(),
                                   [&node](const Disk& one) { return node_of(one) == node; });
    const std::int64_t granularity = disk != all.end() ? granularity_for(*disk) : kFinest;
    actions.push_back(action("block-dirty-bitmap-add",
                             {{"node", node}, {"name", next}, {"granularity", granularity}}));
    actions.push_back(action("block-dirty-bitmap-disable", {{"node", node}, {"name", done}}));
  }
  GODWIT_CHECK_OK(order("transaction", Json{{"actions", actions}}));
  std::vector<WrittenExport> exports;
  for (const std::string& node : shared_) {
    const std::string name = fmt::format("{}-{}", done, exports.size());
    GODWIT_CHECK_OK(share_disk(node, name, done));
    exports.push_back({name, done});
  }
  return exports;
}

/// Bitmaps of ours, and their exports, except that one. What is in use still goes later.
Result<void> QmpHypervisor::forget_written(const std::string& but) {
  GODWIT_TRY(const std::vector<BlockExport> exports, block_exports());
  for (const BlockExport& one : exports) {
    if (!one.id.starts_with(kWritten) || (!but.empty() && one.id.starts_with(but + "-"))) continue;
    const auto gone = order("block-export-del", Json{{"id", one.id}, {"mode", "hard"}});
    if (in_the_way(gone)) return gone;
  }
  GODWIT_TRY(const std::vector<NodeBitmap> bitmaps, bitmaps_named(kWritten));
  for (const NodeBitmap& bitmap : bitmaps) {
    if (bitmap.name == but) continue;
    const auto gone =
        order("block-dirty-bitmap-remove", Json{{"node", bitmap.node}, {"name", bitmap.name}});
    if (in_the_way(gone)) return gone;
  }
  return {};
}

Result<std::vector<NodeBitmap>> QmpHypervisor::bitmaps_named(std::string_view prefix) {
  GODWIT_TRY(const Json blocks, ask("query-block"));
  GODWIT_TRY(std::vector<NodeBitmap> bitmaps, decode_node_bitmaps(blocks));
  std::erase_if(bitmaps, [prefix](const auto& one) { return !one.name.starts_with(prefix); });
  return bitmaps;
}

Result<void> QmpHypervisor::set_active(bool active) {
  GODWIT_TRY(const std::vector<BlockExport> exports, block_exports());
  for (const BlockExport& one : exports) {
    if (!one.id.starts_with(kRest)) continue;
    GODWIT_CHECK_OK(
        order("blockdev-set-active", Json{{"node-name", one.node}, {"active", active}}));
  }
  return {};
}

Result<void> QmpHypervisor::keep_sharing() {
  return set_active(true);
}

/// A disk whose guest has left is given back as QEMU left it: inactive, and not locked.
Result<void> QmpHypervisor::end_sharing() {
  if (disk_sharing() == nullptr) return {};
  GODWIT_TRY(const std::vector<BlockExport> exports, block_exports());
  const auto ours = std::count_if(exports.begin(), exports.end(),
                                  [](const BlockExport& one) { return is_ours(one.id); });
  if (ours > 0 && ours == std::ssize(exports)) {
    GODWIT_TRY(const RunState state, run_state());
    if (state == RunState::kPostmigrate) {
      if (const auto done = set_active(false); !done) log::debug("{}", done.error().message);
    }
    GODWIT_CHECK_OK(order("nbd-server-stop"));
  } else {
    for (const BlockExport& one : exports) {
      if (!is_ours(one.id)) continue;
      GODWIT_CHECK_OK(order("block-export-del", Json{{"id", one.id}, {"mode", "hard"}}));
    }
    // it had nothing to serve yet
    if (exports.empty() && shares_) (void)order("nbd-server-stop");
  }
  shares_ = false;
  shared_.clear();
  return forget_written({});
}

// --- a watch ---

DiskWatch* QmpHypervisor::disk_watch() {
  return schema_.find("block-dirty-bitmap-add") != nullptr ? this : nullptr;
}

Result<void> QmpHypervisor::watch_writes(const std::vector<std::string>& devices) {
  GODWIT_CHECK_OK(end_watching());
  GODWIT_TRY(const std::vector<Disk> all, disks());
  Json bitmaps = Json::array();
  for (const std::string& device : devices) {
    GODWIT_TRY(const Disk disk, disk_called(all, device));
    bitmaps.push_back(action(
        "block-dirty-bitmap-add",
        {{"node", node_of(disk)}, {"name", kWatch}, {"granularity", granularity_for(disk)}}));
  }
  return order("transaction", Json{{"actions", bitmaps}});
}

Result<std::vector<WrittenSoFar>> QmpHypervisor::written_so_far() {
  GODWIT_TRY(const std::vector<NodeBitmap> bitmaps, bitmaps_named(kWatch));
  std::vector<WrittenSoFar> written;
  for (const NodeBitmap& one : bitmaps) written.push_back({one.device, one.granularity, one.count});
  return written;
}

Result<void> QmpHypervisor::end_watching() {
  GODWIT_TRY(const std::vector<NodeBitmap> bitmaps, bitmaps_named(kWatch));
  for (const NodeBitmap& one : bitmaps) {
    GODWIT_CHECK_OK(
        order("block-dirty-bitmap-remove", Json{{"node", one.node}, {"name", one.name}}));
  }
  return {};
}

// --- the destination ---

Result<void> QmpHypervisor::attach_source(const StorageOffer& offer,
                                          const std::vector<std::string>& devices,
                                          Seconds patience) {
  GODWIT_TRY(const std::vector<Disk> all, disks());
  for (std::size_t i = 0; i < devices.size(); ++i) {
    GODWIT_TRY(const Disk disk, disk_called(all, devices[i]));
    const std::string node = fmt::format("{}{}", kRest, i);
    GODWIT_CHECK_OK(
        order("blockdev-add",
              Json{{"driver", "nbd"},
                   {"node-name", node},
                   {"read-only", true},
                   {"server",
                    {{"type", "inet"}, {"host", offer.host}, {"port", std::to_string(offer.port)}}},
                   {"export", offer.exports[i].name},
                   {"open-timeout", kConnectSeconds},
                   {"reconnect-delay", static_cast<std::int64_t>(patience.count())}}));
    // else "Inactive 'godwit-rest-0' can't be a backing child of active"
    GODWIT_CHECK_OK(order("blockdev-set-active", Json{{"node-name", node}, {"active", true}}));
    GODWIT_CHECK_OK(put_beneath(node_of(disk), node));
  }
  return {};
}

/// Whatever a reopening does not say goes back to its default.
Result<void> QmpHypervisor::put_beneath(const std::string& node,
                                        const std::optional<std::string>& backing) {
  GODWIT_TRY(const Json nodes, block_nodes());
  GODWIT_TRY(const NodeSettings now, decode_node_settings(nodes, node));
  GODWIT_TRY(const std::vector<GraphEdge> graph, block_graph());
  const auto file = std::find_if(graph.begin(), graph.end(), [&node](const GraphEdge& edge) {
    return edge.parent == node && edge.role == "file";
  });
  if (now.driver != "qcow2" || file == graph.end()) {
    return fail(ErrorCode::kBadInput,
                fmt::format("the destination's disk {} is no qcow2 image on a file", node),
                "make it with qemu-img create -f qcow2 -o compat=0.10 FILE SIZE");
  }
  const Json options{{"driver", now.driver},
                     {"node-name", node},
                     {"discard", "unmap"},
                     {"detect-zeroes", now.detect_zeroes},
                     {"cache", {{"direct", now.direct}, {"no-flush", now.no_flush}}},
                     {"file", file->child},
                     {"backing", backing ? Json(*backing) : Json(nullptr)}};
  return order("blockdev-reopen", Json{{"options", Json::array({options})}});
}

Result<void> QmpHypervisor::detach_source() {
  if (disk_sharing() == nullptr) return {};
  GODWIT_TRY(const std::vector<GraphEdge> graph, block_graph());
  for (const GraphEdge& edge : graph) {
    if (edge.role != "backing" || !edge.child.starts_with(kRest)) continue;
    GODWIT_CHECK_OK(put_beneath(edge.parent, std::nullopt));
  }
  GODWIT_TRY(const std::vector<std::string> names, nodes_of_source());
  for (const std::string& name : names) {
    GODWIT_CHECK_OK(order("blockdev-del", Json{{"node-name", name}}));
  }
  return {};
}

/// A job that has taken the backing file away leaves its node. Jobs dismiss themselves: one that
/// had ended and waited for that would be deadly to whoever asks for nodes (`block_nodes`), when
/// Godwit may be gone. While one runs nothing is done for the others.
Result<void> QmpHypervisor::fetch_rest(std::optional<BytesPerSecond> most) {
  GODWIT_TRY(const std::vector<BlockJob> jobs, block_jobs());
  if (running_fetches(jobs) > 0) return {};
  GODWIT_TRY(const std::vector<GraphEdge> graph, block_graph());
  GODWIT_TRY(const std::vector<std::string> names, nodes_of_source());
  std::vector<Json> streams;
  for (const std::string& name : names) {
    const auto disk = disk_upon(graph, name);
    if (!disk) {
      GODWIT_CHECK_OK(order("blockdev-del", Json{{"node-name", name}}));
      continue;
    }
    Json stream{{"job-id", fmt::format("{}{}", kFetch, name.substr(kRest.size()))},
                {"device", *disk}};
    streams.push_back(std::move(stream));
  }
  for (Json& stream : streams) {
    if (most) stream["speed"] = speed_of(*most, streams.size());
    GODWIT_CHECK_OK(order("block-stream", stream));
  }
  fetches_ = !streams.empty();
  return {};
}

/// QEMU refuses where there is no such job any more.
Result<void> QmpHypervisor::pace_fetch(std::size_t disk, std::optional<BytesPerSecond> most) {
  const auto paced =
      order("block-job-set-speed", Json{{"device", fmt::format("{}{}", kFetch, disk)},
                                        {"speed", most ? speed_of(*most, 1) : 0}});
  return in_the_way(paced) ? paced : Result<void>();
}

/// By the jobs alone while there are any. Why one ended is told by an event only.
Result<RestStatus> QmpHypervisor::rest_status() {
  GODWIT_TRY(const std::vector<BlockJob> jobs, block_jobs());
  RestStatus status;
  status.running = running_fetches(jobs);
  for (const BlockJob& job : jobs) {
    if (!job.id.starts_with(kFetch)) continue;
    ++status.disks;
    status.done = capped_sum(status.done, job.done);
    status.total = capped_sum(status.total, job.total);
    const auto disk = fetched_disk(job.id);
    if (disk && !job.ended) status.jobs.push_back({*disk, job.done});
  }
  if (status.disks > 0) return status;
  GODWIT_TRY(const std::vector<std::string> names, nodes_of_source());
  GODWIT_TRY(const std::vector<GraphEdge> graph, block_graph());
  status.disks = static_cast<int>(names.size());
  const auto stands = std::find_if(names.begin(), names.end(), [&graph](const std::string& name) {
    return disk_upon(graph, name).has_value();
  });
  if (fetches_ && stands != names.end()) {
    status.error = fmt::format("the block job for {} ended before all was there", *stands);
  }
  return status;
}

}  // namespace godwit::qemu
