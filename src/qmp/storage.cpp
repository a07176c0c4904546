// The part of QmpHypervisor that moves disks: an NBD server of QEMU's at the destination, and a
// block job per disk at the source that mirrors into it.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "decode.h"
#include "godwit/base/log.h"
#include "godwit/qmp/qmp_hypervisor.h"

namespace godwit::qmp {
namespace {

/// What is ours begins so: jobs and nodes at the source, exports at the destination.
constexpr std::string_view kMirror = kMirrorJob;
constexpr std::string_view kNode = "godwit-nbd-";
constexpr std::string_view kExport = "godwit-disk-";
constexpr int kPortsTried = 16;
/// QEMU connects in its main loop, and the guest stands still meanwhile: with a destination that
/// does not even refuse, for as long as TCP tries (over 8 s, measured on QEMU 10.0), without this.
constexpr int kConnectSeconds = 2;

struct InetAddress {
  std::string host;
  int port = 0;
};

/// "tcp:10.0.0.2:4444", "tcp:[::1]:4444".
Result<InetAddress> inet_address_of(const std::string& stream) {
  constexpr std::string_view kTcp = "tcp:";
  const std::size_t last = stream.rfind(':');
  InetAddress address;
  if (stream.starts_with(kTcp) && last > kTcp.size()) {
    address.host = stream.substr(kTcp.size(), last - kTcp.size());
    const char* const end = stream.data() + stream.size();
    const auto [rest, error] = std::from_chars(stream.data() + last + 1, end, address.port);
    if (error != std::errc() || rest != end) address.port = 0;
  }
  if (address.host.starts_with('[') && address.host.ends_with(']')) {
    address.host = address.host.substr(1, address.host.size() - 2);
  }
  if (!address.host.empty() && address.port > 0 && address.port <= 65535) return address;
  return fail(ErrorCode::kBadInput, fmt::format("disks cannot move beside the stream '{}'", stream),
              "use a stream of the form tcp:ADDRESS:PORT");
}

bool port_is_taken(const Error& error) {
  return error.code == ErrorCode::kRefused &&
         error.message.find("Address already in use") != std::string::npos;
}

bool is_mirror(const BlockJob& job) {
  return job.id.starts_with(kMirror);
}

/// An option of the NBD client; since when there is one, only the schema says.
bool knows_nbd_option(const Schema& schema, std::string_view option) {
  const SchemaEntity* command = schema.find("blockdev-add");
  const SchemaEntity* options = command != nullptr ? schema.find(command->type) : nullptr;
  if (options == nullptr) return false;
  const auto nbd = options->variants.find("nbd");
  const SchemaEntity* of_nbd = nbd != options->variants.end() ? schema.find(nbd->second) : nullptr;
  return of_nbd != nullptr &&
         std::any_of(of_nbd->members.begin(), of_nbd->members.end(),
                     [&](const auto& member) { return member.name == option; });
}

/// A disk's node; drives of QEMUs that name none go by their device.
const std::string& node_of(const Disk& disk) {
  return disk.node.empty() ? disk.device : disk.node;
}

}  // namespace

Result<std::vector<Disk>> QmpHypervisor::disks() {
  GODWIT_TRY(const Json blocks, ask("query-block"));
  return decode_disks(blocks);
}

// --- the destination ---

Result<DiskTraffic> QmpHypervisor::disk_traffic() {
  GODWIT_TRY(const Json stats, ask("query-blockstats"));
  return decode_disk_traffic(stats);
}

Result<StorageOffer> QmpHypervisor::serve_storage(const std::string& stream,
                                                  const std::vector<std::string>& devices) {
  GODWIT_TRY(const InetAddress address, inet_address_of(stream));
  GODWIT_TRY(const std::vector<Disk> all, disks());
  StorageOffer offer;
  offer.host = address.host;
  GODWIT_TRY(offer.port, start_nbd_server(address.host, address.port + 1));
  for (const Disk& disk : all) {
    if (std::find(devices.begin(), devices.end(), disk.device) == devices.end()) continue;
    const std::string name = fmt::format("{}{}", kExport, offer.exports.size());
    GODWIT_CHECK_OK(export_disk(disk, name));
    offer.exports.push_back({disk.device, name});
  }
  return offer;
}

Result<int> QmpHypervisor::start_nbd_server(const std::string& host, int first_port) {
  for (int port = first_port;; ++port) {
    const Json address{{"type", "inet"},
                       {"data", {{"host", host}, {"port", std::to_string(port)}}}};
    const auto started = order("nbd-server-start", Json{{"addr", address}});
    const bool again = !started && port_is_taken(started.error()) &&
                       port < first_port + kPortsTried - 1 && port < 65535;
    if (again) continue;
    // Without an answer it may have started all the same.
    serves_ = started || started.error().code == ErrorCode::kTimeout;
    if (!started) return fail(started.error());
    return port;
  }
}

/// Exporting a disk of a QEMU that waits for a migration activates it: from now on that QEMU holds
/// its locks, and the disk can be written by who connects.
Result<void> QmpHypervisor::export_disk(const Disk& disk, const std::string& name) {
  if (schema_.find("block-export-add") != nullptr) {  // QEMU 5.2
    return order("block-export-add", Json{{"type", "nbd"},
                                          {"id", name},
                                          {"node-name", node_of(disk)},
                                          {"name", name},
                                          {"writable", true}});
  }
  return order("nbd-server-add",
               Json{{"device", node_of(disk)}, {"name", name}, {"writable", true}});
}

// --- the source ---

Result<void> QmpHypervisor::mirror_storage(const StorageOffer& offer,
                                           std::optional<BytesPerSecond> most) {
  GODWIT_TRY(const std::vector<Disk> all, disks());
  for (std::size_t i = 0; i < offer.exports.size(); ++i) {
    const auto disk = std::find_if(all.begin(), all.end(), [&](const Disk& one) {
      return one.device == offer.exports[i].device && one.writable;
    });
    if (disk == all.end()) {
      return fail(ErrorCode::kBadInput,
                  fmt::format("the source has no writable disk {}", offer.exports[i].device),
                  "start the destination with the source's command line and -incoming defer");
    }
    GODWIT_CHECK_OK(mirror_disk(*disk, offer, i, most));
  }
  return {};
}

/// `discard: unmap` lets the mirror leave holes, where the destination's disk has discard=unmap,
/// too; else what is empty here is allocated there (measured on QEMU 10.0). The ended job is kept
/// (`auto-dismiss`) until it was seen how it ended. Errors of the other disk are reported, which
/// ends the mirror: QEMU can also stop the guest for them, or try on for ever.
Result<void> QmpHypervisor::mirror_disk(const Disk& disk, const StorageOffer& offer,
                                        std::size_t number, std::optional<BytesPerSecond> most) {
  const std::string node = fmt::format("{}{}", kNode, number);
  const Json server{{"type", "inet"}, {"host", offer.host}, {"port", std::to_string(offer.port)}};
  Json client{{"driver", "nbd"},
              {"node-name", node},
              {"server", server},
              {"export", offer.exports[number].name},
              {"discard", "unmap"}};
  if (knows_nbd_option(schema_, "open-timeout")) client["open-timeout"] = kConnectSeconds;
  GODWIT_CHECK_OK(order("blockdev-add", client));
  Json mirror{{"job-id", fmt::format("{}{}", kMirror, number)},
              {"device", node_of(disk)},
              {"target", node},
              {"sync", "full"},
              {"on-source-error", "report"},
              {"on-target-error", "report"},
              {"auto-dismiss", false}};
  if (most) mirror["speed"] = detail::checked_round(most->value());
  return order("blockdev-mirror", mirror);
}

Result<StorageStatus> QmpHypervisor::storage_status() {
  GODWIT_TRY(const Json listed, ask("query-jobs"));
  GODWIT_TRY(const std::vector<BlockJob> jobs, decode_jobs(listed));
  StorageStatus status;
  status.ready = true;
  for (const BlockJob& job : jobs) {
    if (!is_mirror(job)) continue;
    ++status.mirrors;
    if (!job.ended) ++status.running;
    status.ready = status.ready && job.ready;
    status.done = capped_sum(status.done, job.done);
    status.total = capped_sum(status.total, job.total);
    if (status.error.empty()) status.error = job.error;
  }
  status.ready = status.ready && status.mirrors > 0;
  return status;
}

/// Cancelled without force, a mirror that is ready completes, and the guest's disk stays what it is
/// (`job-complete` would put the other one in its place). libvirt ends its mirrors the same way.
Result<void> QmpHypervisor::finish_storage() {
  GODWIT_TRY(const Json listed, ask("query-jobs"));
  GODWIT_TRY(const std::vector<BlockJob> jobs, decode_jobs(listed));
  for (const BlockJob& job : jobs) {
    if (!is_mirror(job) || job.ended) continue;
    GODWIT_CHECK_OK(order("block-job-cancel", Json{{"device", job.id}, {"force", false}}));
  }
  return {};
}

Result<void> QmpHypervisor::drop_storage() {
  if (serves_) {
    const auto stopped = order("nbd-server-stop");
    // Refused: it had not even started.
    if (!stopped && stopped.error().code != ErrorCode::kRefused) return stopped;
    serves_ = false;
    return {};  // who serves mirrors nothing; and the guest may be waiting
  }
  return drop_mirrors();
}

/// A mirror with a dead link waits for TCP to give up, which takes a quarter of an hour, cancelled
/// by force or not; `yank` (QEMU 6.0) cuts its connection, and it ends within 10 ms (measured on
/// QEMU 7.2 and 10.0).
Result<void> QmpHypervisor::drop_mirrors() {
  if (schema_.find("query-jobs") == nullptr) return {};
  GODWIT_TRY(const Json listed, ask("query-jobs"));
  GODWIT_TRY(const std::vector<BlockJob> jobs, decode_jobs(listed));
  bool running = false;
  for (const BlockJob& job : jobs) {
    if (!is_mirror(job)) continue;
    running = running || !job.ended;
    // Refused: it ended, or went, meanwhile.
    const auto done = job.ended
                          ? order("job-dismiss", Json{{"id", job.id}})
                          : order("block-job-cancel", Json{{"device", job.id}, {"force", true}});
    if (!done && done.error().code != ErrorCode::kRefused &&
        done.error().code != ErrorCode::kUnsupported) {
      return done;
    }
  }
  GODWIT_TRY(const Json nodes, ask("query-named-block-nodes"));
  GODWIT_TRY(const std::vector<std::string> names, decode_nodes(nodes));
  for (const std::string& name : names) {
    if (!name.starts_with(kNode)) continue;
    const Json instance{{"type", "block-node"}, {"node-name", name}};
    const auto done = !running ? order("blockdev-del", Json{{"node-name", name}})
                      : schema_.find("yank") != nullptr
                          ? order("yank", Json{{"instances", Json::array({instance})}})
                          : Result<void>();
    if (!done) return done;
  }
  return {};
}

Result<void> QmpHypervisor::continue_switchover() {
  return order("migrate-continue", Json{{"state", "pre-switchover"}});
}

}  // namespace godwit::qmp
