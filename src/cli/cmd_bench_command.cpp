#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "command.h"
#include "godwit/base/log.h"
#include "godwit/base/quantity.h"
#include "godwit/command/driver.h"
#include "godwit/probe/interface_counter.h"
#include "godwit/probe/ping_probe.h"
#include "shipped_files.h"
#include "table.h"

namespace godwit::cli {
namespace {

constexpr std::string_view kNothing = "–";

struct CommandOptions {
  std::string profile;
  std::string vm;
  std::vector<std::string> set;
  std::string ping;
  std::string interface;
  std::string max_time = "120s";
  int repeats = 1;
  bool start = false;
  bool stop = false;
};

Result<command::CommandProfile> load_profile(const std::string& name) {
  const auto path = named_toml("hypervisors", name);
  GODWIT_TRY(const std::string text,
             read_text(path, "give a profile's file, or a name from the folder hypervisors"));
  auto profile = command::parse_profile(text);
  if (!profile) return fail(profile.error().while_doing(path.native()));
  return profile;
}

Result<std::map<std::string, std::string>> variables_of(const CommandOptions& options) {
  std::map<std::string, std::string> variables;
  for (const std::string& one : options.set) {
    const std::size_t equals = one.find('=');
    if (equals == std::string::npos || equals == 0) {
      return fail(ErrorCode::kBadInput, fmt::format("--set {} has no value", one),
                  "write --set KEY=VALUE");
    }
    variables[one.substr(0, equals)] = one.substr(equals + 1);
  }
  return variables;
}

/// What was asked for, all of it understood.
struct Job {
  command::CommandDriver driver;
  Seconds max_time;
};

Result<Job> understand(const CommandOptions& options, Context& context) {
  GODWIT_TRY(command::CommandProfile profile, load_profile(options.profile));
  GODWIT_TRY(const auto variables, variables_of(options));
  auto max_time = parse_duration(options.max_time);
  if (!max_time) return fail(max_time.error().while_doing("--max-time"));
  if (*max_time <= Seconds(0) || options.repeats < 1) {
    return fail(ErrorCode::kBadInput, "--max-time or --repeats is zero", "give more than none");
  }
  if (options.repeats > 1 && !profile.both_ways) {
    return fail(ErrorCode::kBadInput,
                fmt::format("profile {} knows no way back, for a second migration", profile.name),
                "leave --repeats out, or give each variable of one side its fellow: source_X, "
                "destination_X");
  }
  GODWIT_TRY(auto driver, command::CommandDriver::make(context.clock, std::move(profile),
                                                       options.vm, variables));
  return Job{std::move(driver), *max_time};
}

Result<MigrationOutcome> migrate_once(Job& job, const CommandOptions& options, Context& context) {
  command::Instruments instruments;
  std::unique_ptr<OutageProbe> probe;
  if (!options.ping.empty()) {
    probe::PingOptions target;
    target.target = options.ping;
    probe = std::make_unique<probe::PingProbe>(target);
  }
  probe::InterfaceCounter wire(options.interface, std::nullopt);
  instruments.probe = probe.get();
  if (!options.interface.empty()) instruments.wire = &wire;
  return job.driver.migrate(instruments, job.max_time, context.stop);
}

/// To and fro in turn, until one does not arrive. `outcomes` keeps those that there are.
Result<void> measure(Job& job, const CommandOptions& options, Context& context,
                     std::vector<MigrationOutcome>& outcomes) {
  if (options.start) GODWIT_CHECK_OK(job.driver.start(context.stop));
  for (int i = 0; i < options.repeats; ++i) {
    GODWIT_TRY(MigrationOutcome outcome, migrate_once(job, options, context));
    outcomes.push_back(std::move(outcome));
    if (outcomes.back().status != OutcomeStatus::kCompleted) return {};
    if (i + 1 < options.repeats) job.driver.turn_round();
  }
  if (options.stop) return job.driver.stop_vm();
  return {};
}

template <class T>
std::string text(const std::optional<T>& value) {
  return value ? human(*value) : std::string(kNothing);
}

std::string outcomes_text(const std::vector<MigrationOutcome>& outcomes) {
  Table table({"started", "status", "VM on", "total", "client's outage", "on the wire"});
  std::string reasons;
  for (const MigrationOutcome& o : outcomes) {
    table.add({iso8601(o.started_wall_us).substr(0, 19), std::string(to_string(o.status)),
               std::string(to_string(o.vm_runs_on)), text(o.total_time), text(o.downtime.probe),
               text(o.transferred.wire)});
    if (!o.reason.empty()) reasons += "\n  reason: " + o.reason;
  }
  return table.text() + reasons;
}

int bench_command(const CommandOptions& options, Context& context) {
  auto job = understand(options, context);
  if (!job) return context.out.error(job.error());
  const command::CommandProfile& profile = job->driver.profile();
  const char* tested = profile.tested_for_real ? "real" : "stand-in";
  if (!profile.tested_for_real) {
    log::warning("profile {} was only tested against stand-in commands", profile.name);
  }
  std::vector<MigrationOutcome> outcomes;
  const auto measured = measure(*job, options, context, outcomes);
  Json json{{"profile", profile.name}, {"tested", tested}, {"outcomes", Json::array()}};
  for (const MigrationOutcome& outcome : outcomes) json["outcomes"].push_back(to_json(outcome));
  if (!outcomes.empty()) context.out.say(outcomes_text(outcomes));
  if (!measured) return context.out.error(measured.error(), json);
  context.out.result(json);
  return outcomes.back().status == OutcomeStatus::kCompleted ? kDone : kFailed;
}

}  // namespace

void add_bench_command(CLI::App& bench, Chosen& chosen) {
  auto options = std::make_shared<CommandOptions>();
  CLI::App* command = bench.add_subcommand(
      "command", "measure a migration by any hypervisor that has a command line");
  command
      ->add_option("PROFILE", options->profile,
                   "a TOML file, or virsh, xe, govc, hyper-v (docs/command-driver.md)")
      ->required();
  command->add_option("--vm", options->vm, "the VM, as its hypervisor calls it")
      ->type_name("NAME")
      ->required();
  command->add_option("--set", options->set, "a variable of the profile; once for each")
      ->type_name("KEY=VALUE")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  command
      ->add_option("--ping", options->ping, "the guest's address: measure the outage a client sees")
      ->type_name("ADDRESS");
  command
      ->add_option("--interface", options->interface,
                   "count the bytes that this interface of this machine sends")
      ->type_name("NAME");
  command->add_option("--max-time", options->max_time, "give up when it takes longer")
      ->type_name("DURATION")
      ->capture_default_str();
  command->add_option("--repeats", options->repeats, "migrations, to and fro in turn")
      ->type_name("NUMBER")
      ->capture_default_str();
  command->add_flag("--start", options->start, "start the VM on the source first");
  command->add_flag("--stop", options->stop, "stop the VM when all have arrived");
  add_examples(*command,
               {"godwit bench command virsh --vm web1 --set source_uri=qemu+ssh://root@a/system "
                "--set destination_uri=qemu+ssh://root@b/system --ping 10.0.0.50 --repeats 10",
                "godwit bench command my-hypervisor.toml --vm web1 --set source=a "
                "--set destination=b --json"});
  command->callback([&chosen, options] {
    chosen.action = [options](Context& context) { return bench_command(*options, context); };
  });
}

}  // namespace godwit::cli
