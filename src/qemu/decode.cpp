#include "decode.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <sstream>
#include <system_error>

#include "checked.h"
#include "godwit/base/json_reader.h"
#include "godwit/domain/address.h"
#include "godwit/qmp/message.h"
#include "godwit/qmp/schema.h"

namespace godwit::qemu {
namespace {

/// QEMU knows more states than Godwit. One that is not known is no error: the migration goes on.
MigrationPhase phase_of(std::string_view status) {
  using Phase = MigrationPhase;
  constexpr std::array<std::pair<std::string_view, Phase>, 17> kPhases{
      {{"none", Phase::kNone},
       {"setup", Phase::kSetup},
       {"wait-unplug", Phase::kSetup},
       {"active", Phase::kActive},
       {"colo", Phase::kActive},
       {"pre-switchover", Phase::kPreSwitchover},
       {"device", Phase::kDevice},
       {"postcopy-device", Phase::kDevice},  // 10.2: the source still takes its guest back
       {"postcopy-active", Phase::kPostcopyActive},
       {"postcopy-paused", Phase::kPostcopyPaused},
       {"postcopy-recover-setup", Phase::kPostcopyPaused},
       {"postcopy-recover", Phase::kPostcopyPaused},
       {"completed", Phase::kCompleted},
       {"cancelling", Phase::kCancelling},
       {"cancelled", Phase::kCancelled},
       {"failing", Phase::kActive},
       {"failed", Phase::kFailed}}};
  for (const auto& [name, phase] : kPhases) {
    if (name == status) return phase;
  }
  return Phase::kOther;
}

RunState run_state_of(std::string_view status) {
  constexpr std::array<std::pair<std::string_view, RunState>, 11> kStates{
      {{"running", RunState::kRunning},
       {"paused", RunState::kPaused},
       {"prelaunch", RunState::kPrelaunch},
       {"inmigrate", RunState::kInmigrate},
       {"postmigrate", RunState::kPostmigrate},
       {"finish-migrate", RunState::kFinishMigrate},
       {"shutdown", RunState::kShutdown},
       {"suspended", RunState::kSuspended},
       {"internal-error", RunState::kBroken},
       {"io-error", RunState::kIoError},
       {"guest-panicked", RunState::kBroken}}};
  for (const auto& [name, state] : kStates) {
    if (name == status) return state;
  }
  return RunState::kOther;
}

/// Figures of a running migration. One that can't be true is absent, like one that QEMU does not
/// give: the rest of the answer, the phase above all, still counts.
std::optional<Seconds> milliseconds(JsonReader& in, std::string_view key) {
  constexpr double kHundredYears = 3.2e12;
  const auto ms = in.maybe_number(key);
  if (!ms || *ms < 0 || *ms > kHundredYears) return std::nullopt;
  return Seconds(Milliseconds(*ms));
}
std::optional<std::int64_t> count(JsonReader& in, std::string_view key) {
  constexpr std::int64_t kMost = std::int64_t{1} << 48;  // as many pages as bytes can be
  const auto value = in.maybe_integer(key);
  return value && *value >= 0 && *value <= kMost ? value : std::nullopt;
}
std::optional<PageCount> pages(JsonReader& in, std::string_view key) {
  const auto value = count(in, key);
  return value ? std::optional(PageCount(*value)) : std::nullopt;
}
std::optional<BytesPerSecond> rate(std::optional<double> number, double unit) {
  if (!number || *number < 0 || !(*number * unit <= kMostBytes.as_double())) return std::nullopt;
  return BytesPerSecond(*number * unit);
}
std::optional<int> small_integer(JsonReader& in, std::string_view key) {
  const auto value = in.maybe_integer(key);
  if (!value) return std::nullopt;
  if (*value < 0 || *value > 1'000'000) {
    in.reject(key, "is out of range");
    return std::nullopt;
  }
  return static_cast<int>(*value);
}

void decode_ram(JsonReader& in, MigrationStatus& status) {
  constexpr double kBytesPerMegabit = 1e6 / 8;
  constexpr double kUsualPage = 4096;
  status.transferred = in.maybe_bytes("transferred");
  status.remaining = in.maybe_bytes("remaining");
  status.total = in.maybe_bytes("total");
  status.zero_pages = pages(in, "duplicate");
  status.normal_pages = pages(in, "normal");
  status.dirty_sync_count = count(in, "dirty-sync-count");
  status.postcopy_requests = count(in, "postcopy-requests");
  status.page_size = in.maybe_bytes("page-size");
  const double page = status.page_size ? status.page_size->as_double() : kUsualPage;
  const auto dirty = in.maybe_number("dirty-pages-rate");
  const auto megabits = in.maybe_number("mbps");
  // Both stay 0 until QEMU measured them first: no figure, rather than a wrong one.
  const bool synced_twice = status.dirty_sync_count.value_or(0) > 1;
  if (dirty && (*dirty > 0 || synced_twice)) status.dirty_rate = rate(dirty, page);
  if (megabits && (*megabits > 0 || synced_twice)) {
    status.throughput = rate(megabits, kBytesPerMegabit);
  }
}

void decode_blockers(JsonReader& in, MigrationStatus& status) {
  if (const Json* reasons = in.find("blocked-reasons"); reasons && reasons->is_array()) {
    for (const Json& reason : *reasons) {
      if (reason.is_string()) status.blocked_by.push_back(reason.get<std::string>());
    }
  }
}

/// In format-specific.data.compat; other formats have something else there, or nothing.
void decode_image_version(JsonReader& image, Disk& disk) {
  const Json* specific = image.find("format-specific");
  if (specific == nullptr) return;
  JsonReader in(*specific, image.path_of("format-specific"));
  const Json* data = in.find("data");
  if (data != nullptr && data->is_object() && data->contains("compat")) {
    JsonReader about(*data, in.path_of("data"));
    disk.image_version = about.maybe_text("compat").value_or("");
    if (about.error()) in.adopt(*about.error());
  }
  if (in.error()) image.adopt(*in.error());
}

void decode_image(JsonReader& medium, Disk& disk) {
  const Json* image = medium.find("image");
  if (image == nullptr) return;
  JsonReader in(*image, medium.path_of("image"));
  disk.size = in.maybe_bytes("virtual-size");
  disk.allocated = in.maybe_bytes("actual-size");
  disk.has_backing = in.find("backing-image") != nullptr;
  disk.cluster = in.maybe_bytes("cluster-size");
  decode_image_version(in, disk);
  if (in.error()) medium.adopt(*in.error());
}

/// Of "flash1" the 1, where `kind` is "flash"; nothing for other names.
std::optional<std::string> number_of(std::string_view name, std::string_view kind) {
  if (!name.starts_with(kind) || name.size() == kind.size()) return std::nullopt;
  const std::string_view number = name.substr(kind.size());
  const bool digits = number.find_first_not_of("0123456789") == std::string_view::npos;
  return digits ? std::optional<std::string>(number) : std::nullopt;
}

/// Which flash of the board's a drive is; nothing for other drives. Boards make their flash
/// themselves: a drive of if=pflash is called so, one of -blockdev is known by the board's name for
/// the device ("/machine/system.flash0"; measured on QEMU 10.0). Devices that were asked for are
/// peripherals, whatever name was given to their drives.
std::optional<std::string> flash_number(std::string_view device, std::string_view qdev) {
  constexpr std::string_view kMachine = "/machine/";
  if (qdev.empty()) return number_of(device, "pflash");
  if (!qdev.starts_with(kMachine) || qdev.starts_with("/machine/peripheral")) return std::nullopt;
  const bool of_board = qdev.find('/', kMachine.size()) == std::string_view::npos;
  const auto by_board = of_board ? number_of(qdev.substr(qdev.rfind('.') + 1), "flash")
                                 : std::optional<std::string>();
  return by_board ? by_board : number_of(device, "pflash");
}

/// Is `qdev`, an id or a path, the device of that id or a part of it?
bool is_of_device(std::string_view qdev, std::string_view id) {
  constexpr std::string_view kPeripheral = "/machine/peripheral/";
  if (id.empty()) return false;
  if (qdev == id) return true;
  if (!qdev.starts_with(kPeripheral)) return false;
  const std::string_view path = qdev.substr(kPeripheral.size());
  return path == id || (path.starts_with(id) && path.substr(id.size()).starts_with('/'));
}

/// The place of the device that has a drive: by the drive's name, else by the device's id, else by
/// the name of the block node. Empty where none of them tells exactly one.
std::string place_among(const std::vector<hmp::DrivePlace>& drives, std::string_view device,
                        std::string_view qdev, std::string_view node) {
  const auto only = [&drives](const auto& matches) {
    const auto first = std::find_if(drives.begin(), drives.end(), matches);
    const bool one = first != drives.end() && std::count_if(first, drives.end(), matches) == 1;
    return one ? first->place : std::string();
  };
  std::string place;
  if (!device.empty()) place = only([&](const auto& one) { return one.drive == device; });
  if (place.empty() && !qdev.empty()) {
    place = only([&](const auto& one) { return is_of_device(qdev, one.id); });
  }
  const bool by_node = place.empty() && device.empty() && !node.empty();
  return by_node ? only([&](const auto& one) { return one.drive == node; }) : place;
}

/// A place that several have tells nothing.
void forget_shared_places(std::vector<Disk>& disks) {
  std::map<std::string, int> seen;
  for (const Disk& disk : disks) ++seen[disk.place];
  for (Disk& disk : disks) {
    if (seen[disk.place] > 1) disk.place.clear();
  }
}

/// One of `socket-address`: a URI, empty for kinds that nobody can connect to by one.
std::string listener(JsonReader& in) {
  const std::string type = in.maybe_text("type").value_or("");
  if (type == "unix") return "unix:" + in.text("path");
  if (type != "inet") return {};
  const std::string host = in.text("host");
  const std::string port = in.text("port");
  return uri_of(host, port);
}

void decode_listeners(JsonReader& in, MigrationStatus& status) {
  if (in.find("socket-address") == nullptr) return;
  const Json* list = in.array("socket-address");
  if (list == nullptr) return;
  for (const Json& one : *list) {
    JsonReader address(one, in.path_of("socket-address"));
    std::string uri = listener(address);
    if (address.error()) return in.adopt(*address.error());
    if (!uri.empty()) status.listens_on.push_back(std::move(uri));
  }
}

/// The number that follows `key` on the line; nothing where none does.
std::optional<std::uint64_t> number_after(std::string_view line, std::string_view key, int base) {
  const auto at = line.find(key);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view rest = line.substr(at + key.size());
  std::uint64_t value = 0;
  const auto read = std::from_chars(rest.data(), rest.data() + rest.size(), value, base);
  return read.ec == std::errc() ? std::optional(value) : std::nullopt;
}

}  // namespace

Result<Version> decode_version(const Json& json) {
  JsonReader in(json, "query-version");
  const Json* qemu = in.require("qemu");
  GODWIT_CHECK_OK(checked(in, "query-version"));
  JsonReader parts(*qemu, "query-version.qemu");
  const auto major = small_integer(parts, "major");
  const auto minor = small_integer(parts, "minor");
  const auto micro = small_integer(parts, "micro");
  GODWIT_CHECK_OK(checked(parts, "query-version"));
  if (!major || !minor || !micro)
    return fail(qmp::unreadable("query-version", "a part is missing"));
  return Version{fmt::format("{}.{}.{}", *major, *minor, *micro), *major, *minor};
}

Result<NamedRunState> decode_run_state(const Json& json) {
  JsonReader in(json, "query-status");
  std::string status = in.text("status");
  GODWIT_CHECK_OK(checked(in, "query-status"));
  return NamedRunState{run_state_of(status), std::move(status)};
}

Result<MigrationStatus> decode_migration(const Json& json) {
  JsonReader in(json, "query-migrate");
  MigrationStatus status;
  status.phase = phase_of(in.maybe_text("status").value_or("none"));
  status.error = in.maybe_text("error-desc").value_or("");
  status.total_time = milliseconds(in, "total-time");
  status.setup_time = milliseconds(in, "setup-time");
  status.downtime = milliseconds(in, "downtime");
  status.expected_downtime = milliseconds(in, "expected-downtime");
  status.throttle_percent = small_integer(in, "cpu-throttle-percentage");
  decode_listeners(in, status);
  if (const Json* json_ram = in.find("ram")) {
    JsonReader ram(*json_ram, "query-migrate.ram");
    decode_ram(ram, status);
    if (ram.error()) in.adopt(*ram.error());
  }
  decode_blockers(in, status);
  GODWIT_CHECK_OK(checked(in, "query-migrate"));
  return status;
}

Result<CapabilitySet> decode_capabilities(const Json& json) {
  if (!json.is_array()) return fail(qmp::unreadable("query-migrate-capabilities", "no list"));
  CapabilitySet on;
  for (const Json& one : json) {
    JsonReader in(one, "query-migrate-capabilities");
    const std::string name = in.text("capability");
    const bool state = in.boolean("state");
    GODWIT_CHECK_OK(checked(in, "query-migrate-capabilities"));
    for (const Capability known : qmp::known_capabilities()) {
      if (state && to_string(known) == name) on.insert(known);
    }
  }
  return on;
}

Result<MigrationParameters> decode_parameters(const Json& json) {
  JsonReader in(json, "query-migrate-parameters");
  MigrationParameters parameters;
  parameters.max_bandwidth = in.maybe_rate("max-bandwidth");
  parameters.max_postcopy_bandwidth = in.maybe_rate("max-postcopy-bandwidth");
  parameters.avail_switchover_bandwidth = in.maybe_rate("avail-switchover-bandwidth");
  parameters.downtime_limit = in.maybe_milliseconds("downtime-limit");
  parameters.xbzrle_cache = in.maybe_bytes("xbzrle-cache-size");
  parameters.multifd_channels = small_integer(in, "multifd-channels");
  parameters.multifd_compression = in.maybe_text("multifd-compression");
  parameters.throttle_initial_percent = small_integer(in, "cpu-throttle-initial");
  parameters.throttle_increment_percent = small_integer(in, "cpu-throttle-increment");
  parameters.max_throttle_percent = small_integer(in, "max-cpu-throttle");
  GODWIT_CHECK_OK(checked(in, "query-migrate-parameters"));
  return parameters;
}

Json encode_parameters(const MigrationParameters& parameters) {
  Json json = Json::object();
  const auto whole = [&json](const char* key, double value) {
    constexpr auto kMost = std::numeric_limits<std::uint64_t>::max();
    const double rounded = std::round(value);
    json[key] = rounded < 0x1.0p64 ? static_cast<std::uint64_t>(rounded) : kMost;
  };
  const auto rate = [&](const char* key, const std::optional<BytesPerSecond>& value) {
    if (value) whole(key, value->value());
  };
  const auto number = [&](const char* key, const std::optional<int>& value) {
    if (value) json[key] = *value;
  };
  rate("max-bandwidth", parameters.max_bandwidth);
  rate("max-postcopy-bandwidth", parameters.max_postcopy_bandwidth);
  rate("avail-switchover-bandwidth", parameters.avail_switchover_bandwidth);
  if (parameters.downtime_limit) {
    // QEMU counts in milliseconds and takes 0 for "switch over at once": never round to that
    const double ms = Milliseconds(*parameters.downtime_limit).count();
    whole("downtime-limit", ms > 0 ? std::max(ms, 1.0) : ms);
  }
  if (parameters.xbzrle_cache) json["xbzrle-cache-size"] = parameters.xbzrle_cache->count();
  number("multifd-channels", parameters.multifd_channels);
  if (parameters.multifd_compression) {
    json["multifd-compression"] = *parameters.multifd_compression;
  }
  number("cpu-throttle-initial", parameters.throttle_initial_percent);
  number("cpu-throttle-increment", parameters.throttle_increment_percent);
  number("max-cpu-throttle", parameters.max_throttle_percent);
  return json;
}

Result<std::vector<Disk>> decode_disks(const Json& json,
                                       const std::vector<hmp::DrivePlace>& drives) {
  if (!json.is_array()) return fail(qmp::unreadable("query-block", "no list"));
  std::vector<Disk> disks;
  for (const Json& one : json) {
    JsonReader in(one, "query-block");
    Disk disk;
    disk.device = in.text("device");
    // a drive made with -blockdev has no name of its own, only the device that uses it
    const std::string qdev = in.maybe_text("qdev").value_or("");
    const auto flash = flash_number(disk.device, qdev);
    disk.travels_with_memory = flash.has_value();
    const std::string device = disk.device.empty() ? qdev : disk.device;
    if (const Json* inserted = in.find("inserted")) {
      JsonReader medium(*inserted, "query-block.inserted");
      disk.file = medium.text("file");
      disk.format = medium.text("drv");
      disk.writable = !medium.boolean("ro");
      disk.node = medium.maybe_text("node-name").value_or("");
      decode_image(medium, disk);
      if (medium.error()) in.adopt(*medium.error());
    }
    GODWIT_CHECK_OK(checked(in, "query-block"));
    if (!drives.empty()) {
      disk.place = flash ? "flash " + *flash : place_among(drives, disk.device, qdev, disk.node);
    }
    disk.device = device;
    disks.push_back(std::move(disk));
  }
  forget_shared_places(disks);
  return disks;
}

Result<std::map<int, int>> decode_fd_sets(const Json& json) {
  if (!json.is_array()) return fail(qmp::unreadable("query-fdsets", "no list"));
  std::map<int, int> sets;
  for (const Json& one : json) {
    JsonReader in(one, "query-fdsets");
    const auto number = small_integer(in, "fdset-id");
    const Json* const fds = in.array("fds");
    GODWIT_CHECK_OK(checked(in, "query-fdsets"));
    if (!number || fds->empty()) continue;
    JsonReader first(fds->front(), "query-fdsets.fds");
    const auto fd = small_integer(first, "fd");
    GODWIT_CHECK_OK(checked(first, "query-fdsets"));
    if (fd) sets[*number] = *fd;
  }
  return sets;
}

std::optional<Json> nbd_address_of(const std::string& uri) {
  if (const auto path = socket_path_of(uri)) {
    return Json{{"type", "unix"}, {"data", {{"path", *path}}}};
  }
  const auto tcp = tcp_address_of(uri);
  if (!tcp) return std::nullopt;
  return Json{{"type", "inet"},
              {"data", {{"host", tcp->host}, {"port", std::to_string(tcp->port)}}}};
}

Result<StreamTls> decode_tls(const Json& json) {
  JsonReader in(json, "query-migrate-parameters");
  StreamTls tls;  // what is not set is an empty text
  tls.credentials = in.maybe_text("tls-creds").value_or("");
  tls.host_name = in.maybe_text("tls-hostname").value_or("");
  tls.authorization = in.maybe_text("tls-authz").value_or("");
  GODWIT_CHECK_OK(checked(in, "query-migrate-parameters"));
  return tls;
}

Result<DiskTraffic> decode_disk_traffic(const Json& json) {
  if (!json.is_array()) return fail(qmp::unreadable("query-blockstats", "no list"));
  DiskTraffic sum;
  for (const Json& one : json) {
    JsonReader in(one, "query-blockstats");
    if (const Json* stats = in.find("stats")) {
      JsonReader counted(*stats, "query-blockstats.stats");
      sum.read = capped_sum(sum.read, counted.bytes("rd_bytes"));
      sum.written = capped_sum(sum.written, counted.bytes("wr_bytes"));
      if (counted.error()) in.adopt(*counted.error());
    }
    GODWIT_CHECK_OK(checked(in, "query-blockstats"));
  }
  return sum;
}

Result<std::vector<BlockJob>> decode_jobs(const Json& json) {
  if (!json.is_array()) return fail(qmp::unreadable("query-jobs", "no list"));
  std::vector<BlockJob> jobs;
  for (const Json& one : json) {
    JsonReader in(one, "query-jobs");
    BlockJob job;
    job.id = in.text("id");
    job.type = in.text("type");
    const std::string status = in.text("status");
    job.ready = status == "ready" || status == "standby";
    job.ended = status == "concluded" || status == "null" || status == "undefined";
    job.done = in.bytes("current-progress");
    job.total = in.bytes("total-progress");
    job.error = in.maybe_text("error").value_or("");
    GODWIT_CHECK_OK(checked(in, "query-jobs"));
    jobs.push_back(std::move(job));
  }
  return jobs;
}

bool is_mirror(const BlockJob& job) {
  return job.id.starts_with(kMirrorJob);
}

namespace {

/// A text of each object of a list; empty where one has none.
Result<std::vector<std::string>> texts_of(const Json& json, std::string_view question,
                                          std::string_view key) {
  if (!json.is_array()) return fail(qmp::unreadable(question, "no list"));
  std::vector<std::string> texts;
  for (const Json& one : json) {
    JsonReader in(one, std::string(question));
    texts.push_back(in.maybe_text(key).value_or(""));
    GODWIT_CHECK_OK(checked(in, question));
  }
  return texts;
}

}  // namespace

Result<std::vector<std::string>> decode_nodes(const Json& json) {
  return texts_of(json, "query-named-block-nodes", "node-name");
}

Result<std::vector<std::string>> decode_exports(const Json& json) {
  return texts_of(json, "query-block-exports", "id");
}

Result<Vcpus> decode_vcpus(const Json& json) {
  if (!json.is_array()) return fail(qmp::unreadable("query-cpus-fast", "no list"));
  Vcpus vcpus;
  for (const Json& one : json) {
    JsonReader in(one, "query-cpus-fast");
    vcpus.threads.push_back(in.integer("thread-id"));
    if (vcpus.first_path.empty()) vcpus.first_path = in.text("qom-path");
    GODWIT_CHECK_OK(checked(in, "query-cpus-fast"));
  }
  return vcpus;
}

std::vector<VcpuLook> decode_registers(const std::string& text) {
  // "RIP=ffffffff81c01234 RFL=00000246 [---Z-P-] CPL=0 II=0 A20=1 SMM=0 HLT=1"; EIP and EFL in
  // 32-bit modes
  constexpr std::uint64_t kInterruptFlag = 0x200;
  std::vector<VcpuLook> vcpus;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const auto instruction = number_after(line, "IP=", 16);
    const auto flags = number_after(line, "FL=", 16);
    const auto level = number_after(line, "CPL=", 10);
    const auto halted = number_after(line, "HLT=", 10);
    if (!instruction || !flags || !level || *level > 3 || !halted) continue;
    vcpus.push_back({.instruction = *instruction,
                     .halted = *halted == 1,
                     .interrupts_enabled = (*flags & kInterruptFlag) != 0,
                     .privilege_level = static_cast<int>(*level)});
  }
  return vcpus;
}

HypervisorEvent decode_event(const qmp::QmpEvent& event) {
  HypervisorEvent decoded;
  decoded.wall_us = event.wall_us;
  decoded.name = event.name;
  JsonReader data(event.data, event.name);
  if (event.name == "MIGRATION") {
    decoded.kind = HypervisorEvent::Kind::kMigration;
    decoded.phase = phase_of(data.maybe_text("status").value_or(""));
  } else if (event.name == "MIGRATION_PASS") {
    if (const auto pass = count(data, "pass")) {
      decoded.kind = HypervisorEvent::Kind::kPass;
      decoded.pass = *pass;
    }
  } else if (event.name == "STOP") {
    decoded.kind = HypervisorEvent::Kind::kStop;
  } else if (event.name == "RESUME") {
    decoded.kind = HypervisorEvent::Kind::kResume;
  } else if (event.name == "SHUTDOWN" || event.name == "RESET") {
    decoded.kind =
        event.name == "RESET" ? HypervisorEvent::Kind::kReset : HypervisorEvent::Kind::kShutdown;
    const Json* guest = data.find("guest");
    decoded.by_guest = guest != nullptr && guest->is_boolean() && guest->get<bool>();
  } else if (event.name == "GUEST_PANICKED") {
    decoded.kind = HypervisorEvent::Kind::kPanicked;
  } else if (event.name == "BLOCK_IO_ERROR") {
    decoded.kind = HypervisorEvent::Kind::kIoError;
  }
  return decoded;
}

}  // namespace godwit::qemu
