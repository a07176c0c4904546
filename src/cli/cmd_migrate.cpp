#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "command.h"
#include "godwit/base/log.h"
#include "godwit/lab/lab.h"
#include "journey.h"
#include "options.h"
#include "parties.h"

namespace godwit::cli {
namespace {

struct MigrateOptions {
  std::string vm;
  std::string destination;
  std::string lab{lab::kDefaultLab};
  std::string technique = "auto";
  std::string law = "none";
  std::string ping;
  std::string ping_netns;
  bool no_profile = false;
  LinkOption link;
  ObserveOption observe;
  IntentOptions intent;
  StoreOption store;
};

Result<Wishes> wishes_of(const MigrateOptions& options) {
  Wishes wishes;
  GODWIT_TRY(wishes.intent, options.intent.value());
  GODWIT_TRY(wishes.link, options.link.value());
  GODWIT_TRY(wishes.observe, options.observe.value());
  const std::string memory(split_storage(options.technique).memory);
  if (memory != "auto") GODWIT_CHECK_OK(parse_technique(memory));
  wishes.technique = options.technique;
  wishes.law = options.law;
  wishes.profile = !options.no_profile;
  wishes.store = options.store.path;
  return wishes;
}

int migrate_in_lab(const MigrateOptions& options, const Wishes& wishes, const std::string& guest,
                   const std::string& host, Context& context) {
  const auto before = lab::find_guest(options.lab, guest);
  if (!before) return context.out.error(before.error());
  const auto whole = lab::status(options.lab);
  if (!whole) return context.out.error(whole.error());
  auto parties = lab_parties(options.lab, guest, host, context);
  if (!parties) return context.out.error(parties.error());
  Wishes asked = wishes;
  if (!asked.link) asked.link = Link{whole->spec.migration_rate, {}};
  const std::string source_host = before->instances.front().host;
  Result<OutcomeRecord> done = OutcomeRecord{};
  int status = kDone;
  VmRunsOn runs_on = VmRunsOn::kSource;  // as long as nothing was started
  {
    Journey journey(std::move(*parties), std::move(asked), context);
    done = journey.go();
    if (done) runs_on = done->outcome.vm_runs_on;
    status = print_journey(done, journey.record(), context);
  }
  // The journey has let go of both monitors: the QEMU without the guest can end.
  if (const auto retired = retire_loser(options.lab, guest, runs_on, source_host, host); !retired) {
    log::warning("{}", retired.error().message);
  }
  return status;
}

int migrate(const MigrateOptions& options, Context& context) {
  const auto vm = parse_vm(options.vm);
  if (!vm) return context.out.error(vm.error());
  const auto destination = parse_destination(options.destination);
  if (!destination) return context.out.error(destination.error());
  const auto wishes = wishes_of(options);
  if (!wishes) return context.out.error(wishes.error());
  if (const auto places = check_places(wishes->keep, wishes->store); !places) {
    return context.out.error(places.error());
  }

  const auto* guest = std::get_if<LabVm>(&*vm);
  const auto* host = std::get_if<LabHost>(&*destination);
  if (guest != nullptr && host != nullptr) {
    return migrate_in_lab(options, *wishes, guest->name, host->name, context);
  }
  const auto* source = std::get_if<QmpVm>(&*vm);
  const auto* there = std::get_if<QmpDestination>(&*destination);
  if (source == nullptr || there == nullptr) {
    return context.out.error({ErrorCode::kBadInput, "a lab's guest moves to a lab's host only",
                              "use lab:NAME with lab:HOST, or qmp: on both sides"});
  }
  auto parties = qmp_parties(*source, *there, options.ping, options.ping_netns, context);
  if (!parties) return context.out.error(parties.error());
  Journey journey(std::move(*parties), *wishes, context);
  const auto done = journey.go();
  return print_journey(done, journey.record(), context);
}

}  // namespace

void add_migrate(Command& app, Chosen& chosen) {
  auto options = std::make_shared<MigrateOptions>();
  Command* command =
      app.add_subcommand("migrate", "predict a migration, run it, and check the guest afterwards");
  command->add_option("VM", options->vm, "lab:NAME or qmp:PATH")->required();
  command
      ->add_option("DEST", options->destination,
                   "lab:HOST, or qmp:PATH@tcp:ADDRESS:PORT of a QEMU started with -incoming defer "
                   "(or @unix:PATH, or @tcp:LISTEN:PORT,connect=ADDRESS:PORT)")
      ->required();
  command
      ->add_option("--technique", options->technique,
                   "auto, or a technique that is run whatever the prediction; with +storage "
                   "(precopy+storage) the disks move along")
      ->type_name("NAME")
      ->capture_default_str();
  command->add_option("--law", options->law, "control law while it runs: none")
      ->type_name("NAME")
      ->capture_default_str();
  command
      ->add_option("--ping", options->ping, "the guest's address: measure the outage a client sees")
      ->type_name("ADDRESS");
  command->add_option("--ping-netns", options->ping_netns, "ping from this network namespace")
      ->type_name("PATH");
  command->add_flag(
      "--no-profile", options->no_profile,
      "neither observe the VM nor predict: for one whose memory can't be read here, as "
      "on another host; auto is then precopy, with --max-downtime as QEMU's limit");
  options->link.add_to(*command);
  options->observe.add_to(*command);
  options->intent.add_to(*command);
  options->store.add_to(*command);
  add_lab_name(*command, options->lab);
  add_examples(*command,
               {"godwit migrate lab:guest lab:b --max-downtime 300ms",
                "godwit migrate qmp:/run/src.qmp qmp:/run/dst.qmp@tcp:10.0.0.2:4444 --link 1Gbit/s",
                "godwit migrate qmp:a.sock qmp:b.sock@tcp:10.0.0.2:4444 --no-profile",
                "godwit migrate lab:guest lab:b --technique postcopy --json",
                "godwit migrate lab:guest lab:b --technique precopy+storage"});
  command->callback([&chosen, options] {
    chosen.lab = lab_entry_of(options->vm, options->lab);
    chosen.action = [options](Context& context) { return migrate(*options, context); };
  });
}

}  // namespace godwit::cli
