#include "godwit/qemu/qmp_hypervisor.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "decode.h"
#include "godwit/base/json_reader.h"
#include "godwit/base/vcpu_threads.h"
#include "godwit/domain/address.h"
#include "qemu_process.h"
#include "stream_sink.h"

namespace godwit::qemu {
namespace {
constexpr std::string_view kSinkName = "godwit-sink";  // as QEMU knows our socket

/// One that listens is in `setup` since QEMU 8.0, before in no phase at all. In `setup` without a
/// listener, listening failed.
Receiving receiving_of(RunState state, const MigrationStatus& status) {
  if (state != RunState::kInmigrate) return Receiving::kSpent;
  const bool none = status.phase == MigrationPhase::kNone;
  if (!none && status.phase != MigrationPhase::kSetup) return Receiving::kSpent;
  if (!status.listens_on.empty()) return Receiving::kListens;
  return none ? Receiving::kReady : Receiving::kSpent;
}
}  // namespace

QmpHypervisor::QmpHypervisor(qmp::QmpClient client, qmp::Schema schema, std::string path,
                             Clock& clock, Patience patience)
    : client_(std::move(client)),
      schema_(std::move(schema)),
      path_(std::move(path)),
      clock_(clock),
      patience_(patience) {}

QmpHypervisor::~QmpHypervisor() = default;

Result<std::unique_ptr<QmpHypervisor>> QmpHypervisor::connect(const std::string& path, Clock& clock,
                                                              Patience patience) {
  GODWIT_TRY(auto client, qmp::QmpClient::connect(path, clock, clock.now() + patience.greeting));
  GODWIT_TRY(const Json entities,
             client.execute("query-qmp-schema", Json::object(), clock.now() + patience.command));
  GODWIT_TRY(auto schema, qmp::Schema::parse(entities));
  std::unique_ptr<QmpHypervisor> vm(
      new QmpHypervisor(std::move(client), std::move(schema), path, clock, patience));
  GODWIT_CHECK_OK(vm->recognise());
  return vm;
}

/// Which VM is it, and is the process behind the socket its QEMU? The threads of the vCPUs tell VMs
/// apart that share name and UUID, as a migration's two sides do.
Result<void> QmpHypervisor::recognise() {
  GODWIT_TRY(const Json uuid, ask("query-uuid"));
  GODWIT_TRY(const Json cpus, ask("query-cpus-fast"));
  GODWIT_TRY(const Vcpus vcpus, decode_vcpus(cpus));
  std::string identity = fmt::format("{} {}", uuid.dump(), fmt::join(vcpus.threads, " "));
  if (!identity_.empty() && identity != identity_) {
    return fail(ErrorCode::kBadInput, fmt::format("another VM answers on {} now", path_),
                "look which VM runs where before anything else is done");
  }
  identity_ = std::move(identity);
  if (process_ != nullptr) return {};
  if (auto process = QemuProcess::recognise(client_.peer_pid(), vcpus.threads)) {
    process_ = std::make_unique<QemuProcess>(std::move(*process));
  }
  return {};
}

Result<void> QmpHypervisor::reconnect() {
  if (known_ended()) return fail(ErrorCode::kPeerGone, "the QEMU process has ended");
  GODWIT_TRY(client_, qmp::QmpClient::connect(path_, clock_, clock_.now() + patience_.greeting));
  auto known = recognise();
  if (!known) client_.close(known.error());  // nothing may be asked of, or ordered to, another VM
  return known;
}

std::optional<int> QmpHypervisor::connection() const {
  return client_.socket() >= 0 ? std::optional(client_.socket()) : std::nullopt;
}

bool QmpHypervisor::known_ended() {
  return process_ != nullptr && process_->ended();
}

Result<Json> QmpHypervisor::ask(std::string_view command, const Json& arguments) {
  return client_.execute(command, arguments, clock_.now() + patience_.command);
}
Result<void> QmpHypervisor::order(std::string_view command, const Json& arguments) {
  GODWIT_CHECK_OK(ask(command, arguments));
  return {};
}

Result<RunState> QmpHypervisor::run_state() {
  GODWIT_TRY(const Json json, ask("query-status"));
  GODWIT_TRY(const NamedRunState named, decode_run_state(json));
  return named.state;
}
Result<MigrationStatus> QmpHypervisor::migration_status() {
  GODWIT_TRY(const Json json, ask("query-migrate"));
  return decode_migration(json);
}
DirtyMeter* QmpHypervisor::dirty_meter() {
  if (!meter_ && dirtyrate::CalcDirtyRate::is_known_to(schema_)) {
    meter_.emplace([this](std::string_view command, const Json& arguments) {
      return ask(command, arguments);
    });
  }
  return meter_ ? &*meter_ : nullptr;
}
Result<CapabilitySet> QmpHypervisor::capabilities() {
  GODWIT_TRY(const Json json, ask("query-migrate-capabilities"));
  return decode_capabilities(json);
}
Result<MigrationParameters> QmpHypervisor::parameters() {
  GODWIT_TRY(const Json json, ask("query-migrate-parameters"));
  return decode_parameters(json);
}

Result<void> QmpHypervisor::set_capabilities(const CapabilitySet& on, const CapabilitySet& off) {
  const CapabilitySet can = schema_.capabilities();
  Json list = Json::array();
  for (const Capability capability : on) {
    if (!can.contains(capability)) {
      return fail(ErrorCode::kUnsupported,
                  fmt::format("this QEMU lacks the migration capability {}", to_string(capability)),
                  "choose a technique that does without it, or use another QEMU version");
    }
    list.push_back(Json{{"capability", to_string(capability)}, {"state", true}});
  }
  for (const Capability capability : off) {
    if (!can.contains(capability)) continue;  // what does not exist is off
    list.push_back(Json{{"capability", to_string(capability)}, {"state", false}});
  }
  if (list.empty()) return {};
  return order("migrate-set-capabilities", Json{{"capabilities", std::move(list)}});
}

Result<void> QmpHypervisor::set_parameters(const MigrationParameters& parameters) {
  constexpr std::string_view kCommand = "migrate-set-parameters";
  const Json arguments = encode_parameters(parameters);
  for (const auto& [name, value] : arguments.items()) {
    const qmp::SchemaEntity* type = schema_.argument(kCommand, {name});
    const bool known_value =
        type != nullptr &&
        (type->kind != qmp::SchemaEntity::Kind::kEnum ||
         std::count(type->values.begin(), type->values.end(), value.get<std::string>()) > 0);
    if (known_value) continue;
    return fail(ErrorCode::kUnsupported,
                type == nullptr
                    ? fmt::format("this QEMU lacks the migration parameter {}", name)
                    : fmt::format("this QEMU's {} knows no {}", name, value.get<std::string>()),
                "leave it out, or use another QEMU version");
  }
  if (arguments.empty()) return {};
  return order(kCommand, arguments);
}

/// One that was started with `-incoming tcp:…`, say, is used as it is. QEMU is told to keep its
/// process when a load fails (`exit-on-error`, 9.1): its reason can then be asked for.
Result<void> QmpHypervisor::listen(const std::string& uri) {
  GODWIT_TRY(const MigrationStatus status, migration_status());
  if (!status.listens_on.empty()) return check_receiver(status, uri);
  GODWIT_CHECK_OK(try_address(uri));
  Json arguments{{"uri", uri}};
  if (schema_.argument("migrate-incoming", {"exit-on-error"}) != nullptr) {
    arguments["exit-on-error"] = false;
  }
  const auto started = order("migrate-incoming", arguments);
  if (started) return {};
  Error error = started.error();
  if (error.code == ErrorCode::kRefused) {
    if (const auto now = can_receive()) error.what_to_do = std::string(advice_on(*now));
  }
  return fail(std::move(error));
}

/// A QEMU ≥ 9.1 whose `migrate-incoming` failed can't be told to listen again, on no address
/// ("Illegal migration incoming state", measured on QEMU 10.0; 7.2 can). So the address is tried by
/// the same QEMU's NBD server first, which may fail as often as it likes.
Result<void> QmpHypervisor::try_address(const std::string& uri) {
  const auto address = nbd_address_of(uri);
  if (!address || schema_.find("nbd-server-start") == nullptr) return {};
  const auto tried = order("nbd-server-start", Json{{"addr", *address}});
  if (tried) return order("nbd-server-stop");
  const Error& why = tried.error();
  const bool another_runs = why.message.find("already running") != std::string::npos;
  if (why.code == ErrorCode::kRefused && another_runs) return {};
  if (why.code != ErrorCode::kRefused) return fail(why);
  constexpr std::string_view kTrial = "nbd-server-start: ";  // means nothing to the user
  const std::size_t trial = why.message.find(kTrial);
  const std::string reason =
      trial == std::string::npos ? why.message : why.message.substr(trial + kTrial.size());
  return fail(
      why.code, fmt::format("the destination cannot listen on {}: {}", uri, reason),
      fmt::format("choose another address or port there; {}", advice_on(Receiving::kReady)));
}

Result<Receiving> QmpHypervisor::can_receive() {
  GODWIT_TRY(const RunState state, run_state());
  GODWIT_TRY(const MigrationStatus status, migration_status());
  return receiving_of(state, status);
}

Result<void> QmpHypervisor::migrate(const std::string& uri) {
  return order("migrate", Json{{"uri", uri}});
}
Result<void> QmpHypervisor::migrate_to_sink() {
  const Json name{{"fdname", kSinkName}};
  GODWIT_TRY(auto sink, StreamSink::open());
  const auto taken =
      client_.execute_with_fd("getfd", name, sink->their_end(), clock_.now() + patience_.command);
  if (!taken) return fail(taken.error().while_doing("handing QEMU a socket"));
  sink->forget_their_end();
  sink_ = std::move(sink);
  auto started = migrate(fmt::format("fd:{}", kSinkName));
  if (!started && started.error().code != ErrorCode::kTimeout) {
    (void)order("closefd", name);  // QEMU has it still, unless it got as far as using it
    sink_.reset();
  }
  return started;
}
Result<void> QmpHypervisor::start_postcopy() {
  return order("migrate-start-postcopy");
}
/// A destination whose link is dead may sit in a page fault of the guest with QEMU's big lock held:
/// its main loop then answers nothing at all (measured on QEMU 10.0), but what is out of band.
Result<void> QmpHypervisor::pause_postcopy() {
  GODWIT_CHECK_OK(client_.execute_out_of_band("migrate-pause", Json::object(),
                                              clock_.now() + patience_.command));
  return {};
}
/// Out of band, for the same reason.
Result<void> QmpHypervisor::recover_postcopy(const std::string& uri) {
  GODWIT_CHECK_OK(client_.execute_out_of_band("migrate-recover", Json{{"uri", uri}},
                                              clock_.now() + patience_.command));
  return {};
}
Result<void> QmpHypervisor::resume_postcopy(const std::string& uri) {
  return order("migrate", Json{{"uri", uri}, {"resume", true}});
}
Result<std::vector<VcpuLook>> QmpHypervisor::look_at_vcpus() {
  GODWIT_TRY(const std::string text, ask_human("info registers -a"));
  std::vector<VcpuLook> vcpus = decode_registers(text);
  if (vcpus.empty()) {
    return fail(ErrorCode::kUnsupported, "this QEMU's registers are not those of x86");
  }
  const auto had = process_ != nullptr ? vcpu_time_of(process_->pid()) : std::nullopt;
  for (VcpuLook& vcpu : vcpus) vcpu.cpu_time = had;
  return vcpus;
}
Result<void> QmpHypervisor::cancel() {
  return order("migrate_cancel");
}
Result<void> QmpHypervisor::pause() {
  return order("stop");
}
Result<void> QmpHypervisor::resume() {
  return order("cont");
}
Result<void> QmpHypervisor::quit() {
  auto done = order("quit");
  // it may be gone before its answer is
  if (!done && done.error().code != ErrorCode::kPeerGone) return done;
  return {};
}

Result<std::optional<HypervisorEvent>> QmpHypervisor::next_event(TimePoint deadline) {
  GODWIT_TRY(const auto event, client_.next_event(deadline));
  if (!event) return std::optional<HypervisorEvent>();
  return std::optional(decode_event(*event));
}

}  // namespace godwit::qemu
