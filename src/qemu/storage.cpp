// The part of QmpHypervisor that moves disks: an NBD server of QEMU's at the destination, and a
// block job per disk at the source that mirrors into it.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "decode.h"
#include "godwit/domain/address.h"
#include "godwit/qemu/qmp_hypervisor.h"
#include "nbd_disk.h"

namespace godwit::qemu {
namespace {

/// What is ours begins so: jobs (decode.h) and nodes at the source, exports at the destination.
constexpr std::string_view kNode = "godwit-nbd-";
constexpr std::string_view kExport = "godwit-disk-";
constexpr int kPortsTried = 16;

bool port_is_taken(const Error& error) {
  return error.code == ErrorCode::kRefused &&
         error.message.find("Address already in use") != std::string::npos;
}

/// An option of the NBD client; since when there is one, only the schema says.
bool knows_nbd_option(const qmp::Schema& schema, std::string_view option) {
  const qmp::SchemaEntity* command = schema.find("blockdev-add");
  const qmp::SchemaEntity* options = command != nullptr ? schema.find(command->type) : nullptr;
  if (options == nullptr) return false;
  const auto nbd = options->variants.find("nbd");
  const qmp::SchemaEntity* of_nbd =
      nbd != options->variants.end() ? schema.find(nbd->second) : nullptr;
  return of_nbd != nullptr &&
         std::any_of(of_nbd->members.begin(), of_nbd->members.end(),
                     [&](const auto& member) { return member.name == option; });
}

tl::unexpected<Error> cannot_encrypt(std::string_view option) {
  return fail(ErrorCode::kUnsupported,
              fmt::format("the migration is encrypted, and this QEMU cannot encrypt the disks the "
                          "same way: its NBD has no '{}'",
                          option),
              "use a newer QEMU, or move without +storage");
}

/// What the NBD server at the destination is told: the migration's own credentials, so that who may
/// not read the memory may not read the disks either.
Result<Json> server_tls(const qmp::Schema& schema, const StreamTls& tls) {
  Json arguments = Json::object();
  if (tls.credentials.empty()) return arguments;
  arguments["tls-creds"] = tls.credentials;
  if (!tls.authorization.empty()) arguments["tls-authz"] = tls.authorization;
  for (const auto& [name, value] : arguments.items()) {
    if (schema.argument("nbd-server-start", {name}) == nullptr) return cannot_encrypt(name);
  }
  return arguments;
}

/// And the client at the source.
Result<Json> client_tls(const qmp::Schema& schema, const StreamTls& tls) {
  Json options = Json::object();
  if (tls.credentials.empty()) return options;
  options["tls-creds"] = tls.credentials;
  if (!tls.host_name.empty()) options["tls-hostname"] = tls.host_name;
  for (const auto& [name, value] : options.items()) {
    if (!knows_nbd_option(schema, name)) return cannot_encrypt(name);
  }
  return options;
}

}  // namespace

/// All block nodes. A stream job that has ended and is not dismissed keeps its filter, which has no
/// child any more: QEMU 10.0.2, asked for its nodes then, dies of a SIGSEGV in
/// bdrv_refresh_filename (12 times in 12), and the guest with it. So nobody asks while there is
/// such a job, whoever began it.
Result<Json> QmpHypervisor::block_nodes() {
  if (schema_.find("query-jobs") != nullptr) {  // QEMU 3.0
    GODWIT_TRY(const std::vector<BlockJob> jobs, block_jobs());
    for (const BlockJob& job : jobs) {
      if (job.type != "stream") continue;
      return fail(ErrorCode::kBusy,
                  fmt::format("a disk's contents are being fetched (block job '{}'), and QEMU may "
                              "die when it is asked for its block nodes meanwhile",
                              job.id),
                  "wait until the job has ended and is dismissed (QMP: query-jobs, job-dismiss)");
    }
  }
  return ask("query-named-block-nodes");
}

/// By their names; where they are is asked for by `describe` alone.
Result<std::vector<Disk>> QmpHypervisor::disks() {
  GODWIT_TRY(const Json blocks, ask("query-block"));
  return decode_disks(blocks);
}

Result<std::vector<BlockJob>> QmpHypervisor::block_jobs() {
  GODWIT_TRY(const Json listed, ask("query-jobs"));
  return decode_jobs(listed);
}

// --- the destination ---

Result<DiskTraffic> QmpHypervisor::disk_traffic() {
  GODWIT_TRY(const Json stats, ask("query-blockstats"));
  return decode_disk_traffic(stats);
}

Result<StorageOffer> QmpHypervisor::serve_storage(const std::string& listen,
                                                  const std::vector<std::string>& devices) {
  GODWIT_TRY(const Json parameters, ask("query-migrate-parameters"));
  GODWIT_TRY(const StreamTls tls, decode_tls(parameters));
  GODWIT_TRY(const Json credentials, server_tls(schema_, tls));
  GODWIT_TRY(const std::vector<Disk> all, disks());
  GODWIT_TRY(StorageOffer offer, start_nbd_server(listen, credentials));
  for (const Disk& disk : all) {
    if (std::find(devices.begin(), devices.end(), disk.device) == devices.end()) continue;
    const std::string name = fmt::format("{}{}", kExport, offer.exports.size());
    GODWIT_CHECK_OK(export_disk(disk, name));
    offer.exports.push_back({disk.device, name});
  }
  return offer;
}

Result<StorageOffer> QmpHypervisor::start_nbd_server(const std::string& listen, const Json& tls) {
  StorageOffer offer;
  offer.encrypted = !tls.empty();
  for (int step = 1;; ++step) {
    const auto uri = disks_beside(listen, step);
    const auto address = uri ? nbd_address_of(*uri) : std::nullopt;
    if (!address) {
      return fail(ErrorCode::kBadInput,
                  fmt::format("disks cannot move beside the stream {}", listen),
                  "use tcp:ADDRESS:PORT with a port below 65500, or unix: with a shorter path");
    }
    Json arguments{{"addr", *address}};
    arguments.update(tls);
    const auto started = order("nbd-server-start", arguments);
    const auto tcp = tcp_address_of(*uri);
    const bool again = tcp && !started && port_is_taken(started.error()) && step < kPortsTried;
    if (again) continue;
    // Without an answer it may have started all the same.
    serves_ = started || started.error().code == ErrorCode::kTimeout ||
              started.error().code == ErrorCode::kPeerGone;
    if (!started) return fail(started.error());
    if (tcp) {
      offer.host = tcp->host;
      offer.port = tcp->port;
    }
    offer.socket = socket_path_of(*uri).value_or("");
    return offer;
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
  GODWIT_TRY(const Json parameters, ask("query-migrate-parameters"));
  GODWIT_TRY(const StreamTls tls, decode_tls(parameters));
  if (offer.encrypted == tls.credentials.empty()) {
    return fail(ErrorCode::kBadInput,
                fmt::format("the migration is encrypted at the {} alone",
                            offer.encrypted ? "destination" : "source"),
                "set the migration parameter tls-creds on both sides, or on neither");
  }
  GODWIT_TRY(const Json credentials, client_tls(schema_, tls));
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
    GODWIT_CHECK_OK(mirror_disk(*disk, offer, i, credentials, most));
  }
  return {};
}

/// `discard: unmap` lets the mirror leave holes, where the destination's disk has discard=unmap,
/// too; else what is empty here is allocated there (measured on QEMU 10.0). The ended job is kept
/// (`auto-dismiss`) until it was seen how it ended. Errors of the other disk are reported, which
/// ends the mirror: QEMU can also stop the guest for them, or try on for ever.
Result<void> QmpHypervisor::mirror_disk(const Disk& disk, const StorageOffer& offer,
                                        std::size_t number, const Json& tls,
                                        std::optional<BytesPerSecond> most) {
  const std::string node = fmt::format("{}{}", kNode, number);
  const Json server =
      offer.socket.empty()
          ? Json{{"type", "inet"}, {"host", offer.host}, {"port", std::to_string(offer.port)}}
          : Json{{"type", "unix"}, {"path", offer.socket}};
  Json client{{"driver", "nbd"},
              {"node-name", node},
              {"server", server},
              {"export", offer.exports[number].name},
              {"discard", "unmap"}};
  client.update(tls);
  if (knows_nbd_option(schema_, "open-timeout")) client["open-timeout"] = kConnectSeconds;
  GODWIT_CHECK_OK(order("blockdev-add", client));
  Json mirror{{"job-id", fmt::format("{}{}", kMirrorJob, number)},
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
  GODWIT_TRY(const std::vector<BlockJob> jobs, block_jobs());
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
  GODWIT_TRY(const std::vector<BlockJob> jobs, block_jobs());
  for (const BlockJob& job : jobs) {
    if (!is_mirror(job) || job.ended) continue;
    GODWIT_CHECK_OK(order("block-job-cancel", Json{{"device", job.id}, {"force", false}}));
  }
  return {};
}

/// Does it serve disks for a Godwit, maybe for one that was killed?
Result<bool> QmpHypervisor::serves_for_godwit() {
  if (serves_ || schema_.find("query-block-exports") == nullptr) return serves_;
  GODWIT_TRY(const Json listed, ask("query-block-exports"));
  GODWIT_TRY(const std::vector<std::string> exports, decode_exports(listed));
  return !exports.empty() && std::all_of(exports.begin(), exports.end(), [](const std::string& id) {
    return id.starts_with(kExport);
  });
}

Result<void> QmpHypervisor::drop_storage() {
  GODWIT_TRY(const bool serves, serves_for_godwit());
  if (serves) {
    const auto stopped = order("nbd-server-stop");
    // Refused: it had not even started.
    if (!stopped && stopped.error().code != ErrorCode::kRefused) return stopped;
    // Who serves mirrors nothing, and the guest may be waiting.
    if (std::exchange(serves_, false)) return {};
  }
  return drop_mirrors();
}

/// A mirror with a dead link waits for TCP to give up, which takes a quarter of an hour, cancelled
/// by force or not; `yank` (QEMU 6.0) cuts its connection, and it ends within 10 ms (measured on
/// QEMU 7.2 and 10.0).
Result<void> QmpHypervisor::drop_mirrors() {
  if (schema_.find("query-jobs") == nullptr) return {};
  GODWIT_TRY(const std::vector<BlockJob> jobs, block_jobs());
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
  GODWIT_TRY(const Json nodes, block_nodes());
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

}  // namespace godwit::qemu
