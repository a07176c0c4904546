#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <utility>
#include <variant>

#include "command.h"
#include "godwit/base/log.h"
#include "godwit/base/quantity.h"
#include "godwit/lab/lab.h"
#include "godwit/rig/lab_pair.h"
#include "godwit/steer/laws.h"
#include "godwit/terminal/options.h"
#include "run_request.h"

namespace godwit::cli {
namespace {

struct MigrateOptions {
  std::string vm;
  std::string destination;
  std::string lab{lab::kDefaultLab};
  std::string technique = "auto";
  std::string law;
  bool observe_only = false;
  bool events = false;
  std::string recover_for;
  std::string ping;
  std::string ping_netns;
  bool no_profile = false;
  terminal::RehearseOption rehearse;
  bool relay = false;
  bool tls = false;
  bool plot = false;
  terminal::ShareOptions shares;
  terminal::LinkOption link;
  terminal::ObserveOption observe;
  terminal::IntentOptions intent;
  terminal::StoreOption store;
};

/// The guest may need both hosts still.
bool needs_source(const Attempt& attempt) {
  if (!attempt.done) return false;
  const MigrationOutcome& outcome = attempt.done->outcome;
  return outcome.storage && outcome.storage->precopy_share && !outcome.storage->independent_after &&
         outcome.vm_runs_on != VmRunsOn::kSource;
}

Result<engine::Request> request_of(const MigrateOptions& options) {
  engine::Request request;
  GODWIT_TRY(request.intent, options.intent.value());
  GODWIT_TRY(request.link, options.link.value());
  GODWIT_TRY(request.observe, options.observe.value());
  GODWIT_CHECK_OK(terminal::read_technique(options.technique, request));
  if (!options.law.empty()) request.law = options.law;
  request.relay = options.relay;
  request.tls = options.tls;
  request.observe_only = options.observe_only;
  if (!options.recover_for.empty()) {
    auto recover_for = parse_duration(options.recover_for);
    if (!recover_for) return fail(recover_for.error().while_doing("--recover-for"));
    request.mend_for = *recover_for;
  }
  GODWIT_CHECK_OK(options.shares.read_into(request.parameters));
  request.profile = !options.no_profile;
  request.rehearse = options.rehearse.value();
  request.store = options.store.path;
  return request;
}

int migrate_in_lab(const MigrateOptions& options, engine::Request request, const std::string& guest,
                   const std::string& host, engine::Engine& engine, terminal::Context& context) {
  const auto before = lab::find_guest(options.lab, guest);
  if (!before) return context.out.error(before.error());
  const auto whole = lab::status(options.lab);
  if (!whole) return context.out.error(whole.error());
  auto pair = rig::open_lab_pair(engine, options.lab, guest, host);
  if (!pair) return context.out.error(pair.error());
  if (!request.link) request.link = Link{whole->spec.migration_rate, {}};
  const std::string source_host = before->instances.front().host;
  const Attempt attempt = run_request(engine, std::move(*pair), request, context);
  const int status = print_attempt(attempt, context, options.plot);
  if (needs_source(attempt)) return status;
  // As long as nothing was started, it is where it was. Both monitors are closed by now: the QEMU
  // without the guest can end.
  const VmRunsOn runs_on = attempt.done ? attempt.done->outcome.vm_runs_on : VmRunsOn::kSource;
  const auto retired = rig::retire_loser(options.lab, guest, runs_on, source_host, host);
  if (!retired) log::warning("{}", retired.error().message);
  return status;
}

int migrate(const MigrateOptions& options, terminal::Context& context) {
  if (options.events && !context.out.json()) {
    return context.out.error({ErrorCode::kBadInput, "--events are lines of JSON",
                              "add --json, or leave --events out: rounds and orders are shown"});
  }
  if (options.events) context.out.begin_lines();
  const auto vm = parse_vm(options.vm);
  if (!vm) return context.out.error(vm.error());
  const auto destination = parse_destination(options.destination);
  if (!destination) return context.out.error(destination.error());
  const auto request = request_of(options);
  if (!request) return context.out.error(request.error());
  engine::Engine engine = terminal::open_engine(context, options.lab);
  if (const auto places = engine.check_places(*request); !places) {
    return context.out.error(places.error());
  }

  const auto* guest = std::get_if<LabVm>(&*vm);
  const auto* host = std::get_if<LabHost>(&*destination);
  if (guest != nullptr && host != nullptr) {
    return migrate_in_lab(options, *request, guest->name, host->name, engine, context);
  }
  const auto* domain = std::get_if<LibvirtVm>(&*vm);
  const auto* libvirt_host = std::get_if<LibvirtHost>(&*destination);
  if (domain != nullptr && libvirt_host != nullptr) {
    auto pair = engine.open_pair(*domain, *libvirt_host, {options.ping, options.ping_netns});
    if (!pair) return context.out.error(pair.error());
    return print_attempt(run_request(engine, std::move(*pair), *request, context), context,
                         options.plot);
  }
  const auto* source = std::get_if<QmpVm>(&*vm);
  const auto* there = std::get_if<QmpDestination>(&*destination);
  if (source == nullptr || there == nullptr) {
    return context.out.error({ErrorCode::kBadInput, "a VM moves to a host of its own kind",
                              "use lab:NAME with lab:HOST, or qmp: on both sides, or libvirt:"});
  }
  auto pair = engine.open_pair(*source, *there, {options.ping, options.ping_netns});
  if (!pair) return context.out.error(pair.error());
  return print_attempt(run_request(engine, std::move(*pair), *request, context), context,
                       options.plot);
}

/// Every law with a few words on it.
std::string law_help() {
  std::string all;
  for (const steer::LawName& law : steer::law_names()) {
    all += fmt::format("{}{}: {}", all.empty() ? "" : "; ", law.name, law.what);
  }
  return "control law while it runs; by default godwit for the technique auto, none for one that "
         "is named. " +
         all;
}

/// How it is run and followed, beside what is moved where and by which technique.
void add_run_options(terminal::Command* command, MigrateOptions& options) {
  command->add_option("--law", options.law, law_help())->type_name("NAME");
  command->add_flag(
      "--observe-only", options.observe_only,
      "let the law decide and order nothing: what it would have ordered is shown, and "
      "is in the outcome");
  command->add_flag("--events", options.events,
                    "with --json: before the outcome a line of JSON for each round and each order, "
                    "with what is expected then");
  command
      ->add_option("--recover-for", options.recover_for,
                   "where post-copy's link breaks: try for so long to go on over it (default 5m)")
      ->type_name("DURATION");
  const terminal::Option* ping =
      command
          ->add_option("--ping", options.ping,
                       "the guest's address: measure the outage a client sees")
          ->type_name("ADDRESS");
  command->add_option("--ping-netns", options.ping_netns, "ping from this network namespace")
      ->type_name("PATH")
      ->needs(ping);
  command->add_flag("--plot", options.plot,
                    "draw at the end what was predicted, and the rounds (godwit show does, too)");
  const terminal::Option* observe = options.observe.add_to(*command);
  const terminal::Option* rehearse = options.rehearse.add_to(*command);
  command
      ->add_flag("--no-profile", options.no_profile,
                 "neither observe the VM nor predict: for one whose memory can't be read here, as "
                 "on another host; auto is then precopy, with --max-downtime as QEMU's limit")
      ->excludes({observe, rehearse});
  command->add_flag(
      "--relay", options.relay,
      "carry the stream through this process, which keeps to --link by the "
      "millisecond and queues little: shorter outages in post-copy, and multifd keeps "
      "its rate; on the VM's host, to a tcp: destination. The migration ends with this process");
  command->add_flag("--tls", options.tls, terminal::kTlsHelp);
}

void add_migrate_examples(terminal::Command& command) {
  terminal::add_examples(
      command,
      {"godwit migrate lab:guest lab:b --max-downtime 300ms",
       "godwit migrate lab:guest lab:b --max-downtime 300ms --observe-only",
       "godwit migrate qmp:/run/src.qmp qmp:/run/dst.qmp@tcp:10.0.0.2:4444 --link 1Gbit/s",
       "godwit migrate libvirt:web libvirt:qemu+ssh://root@kvm2/system --max-downtime 300ms",
       "godwit migrate qmp:a.sock qmp:b.sock@tcp:10.0.0.2:4444 --no-profile",
       "godwit migrate lab:guest lab:b --rehearse --max-time 60s --confidence 95%",
       "godwit migrate lab:guest lab:b --technique postcopy --json",
       "godwit migrate lab:guest lab:b --no-postcopy --json --events",
       "godwit migrate lab:guest lab:b --technique multifd-zstd+auto-converge",
       "godwit migrate lab:guest lab:b --technique precopy+storage",
       "godwit migrate lab:guest lab:b --technique precopy+storage --precopy-storage 0.25",
       "godwit migrate lab:guest lab:b --technique auto+storage --prefer agility"});
}

}  // namespace

void add_migrate(terminal::Command& app, terminal::Chosen& chosen) {
  auto options = std::make_shared<MigrateOptions>();
  terminal::Command* command =
      app.add_subcommand("migrate", "predict a migration, run it, and check the guest afterwards");
  command->add_option("VM", options->vm, "lab:NAME, qmp:PATH, libvirt:NAME or libvirt:URI#NAME")
      ->required();
  command
      ->add_option("DEST", options->destination,
                   "lab:HOST, libvirt:URI, or qmp:PATH@tcp:ADDRESS:PORT of a QEMU started with "
                   "-incoming defer, or "
                   "with -incoming tcp:ADDRESS:PORT, where it listens already (or @unix:PATH, or "
                   "@tcp:LISTEN:PORT,connect=ADDRESS:PORT)")
      ->required();
  command
      ->add_option(
          "--technique", options->technique,
          "auto, or a technique that is run whatever the prediction: words joined by +, each "
          "of which says something else (multifd-zstd+auto-converge); with +storage "
          "(precopy+storage) the disks move along. Words: " +
              technique_words())
      ->type_name("NAME")
      ->capture_default_str();
  add_run_options(command, *options);
  options->shares.add_to(*command);
  options->link.add_to(*command);
  options->intent.add_to(*command);
  options->store.add_to(*command);
  terminal::add_lab_name(*command, options->lab);
  add_migrate_examples(*command);
  command->callback([&chosen, options] {
    chosen.lab = terminal::lab_entry_of(options->vm, options->lab);
    chosen.action = [options](terminal::Context& context) { return migrate(*options, context); };
  });
}

}  // namespace godwit::cli
