#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>
#include <vector>

#include "bench_commands.h"
#include "godwit/base/quantity.h"
#include "godwit/codec/codec.h"
#include "godwit/command/profile.h"
#include "godwit/rig/command_rig.h"
#include "godwit/terminal/progress_bar.h"
#include "godwit/terminal/shipped_files.h"
#include "godwit/terminal/table.h"

namespace godwit::research {
namespace {

constexpr std::string_view kNothing = "–";
constexpr Seconds kRedraw{0.2};

struct CommandOptions {
  std::string profile;
  std::string vm;
  std::vector<std::string> set;
  std::string ping;
  std::string ping_netns;
  std::string interface;
  std::string max_time = "120s";
  int repeats = 1;
  bool start = false;
  bool stop = false;
};

// --- what was asked for ---

Result<command::CommandProfile> load_profile(const std::string& name) {
  const auto path = terminal::named_toml("hypervisors", name);
  GODWIT_TRY(
      const std::string text,
      terminal::read_text(path, "give a profile's file, or a name from the folder hypervisors"));
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

Result<void> check_repeats(const CommandOptions& options, const command::CommandProfile& profile) {
  if (options.repeats < 1) {
    return fail(ErrorCode::kBadInput, fmt::format("--repeats {} is none", options.repeats),
                "give 1 or more");
  }
  if (options.repeats > 1 && !profile.both_ways) {
    return fail(ErrorCode::kBadInput,
                fmt::format("profile {} knows no way back, for a second migration", profile.name),
                "leave --repeats out, or give each variable of one side its fellow: source_X, "
                "destination_X");
  }
  return {};
}

Result<rig::CommandRig> make_rig(const CommandOptions& options, terminal::Context& context) {
  GODWIT_TRY(command::CommandProfile profile, load_profile(options.profile));
  rig::CommandRun run;
  GODWIT_TRY(run.variables, variables_of(options));
  GODWIT_CHECK_OK(check_repeats(options, profile));
  const auto max_time = parse_duration(options.max_time);
  if (!max_time) return fail(max_time.error().while_doing("--max-time"));
  if (*max_time <= Seconds(0)) {
    return fail(ErrorCode::kBadInput, "--max-time is zero", "give more than none");
  }
  run.vm = options.vm;
  run.ping = {options.ping, options.ping_netns};
  run.interface = options.interface;
  run.max_time = *max_time;
  run.repeats = options.repeats;
  run.start = options.start;
  run.stop = options.stop;
  return rig::CommandRig::make(context.clock, std::move(profile), std::move(run));
}

/// On a terminal: that something is waited for, since when, and how long at most.
class Waiting {
 public:
  Waiting(const terminal::Context& context, std::string what, Seconds most) {
    std::FILE* const stream = context.out.bar_stream();
    if (stream == nullptr) return;
    Clock& clock = context.clock;
    drawer_ =
        std::jthread([&clock, stream, what = std::move(what), most](const std::stop_token& over) {
          terminal::ProgressBar bar(clock, stream);
          const TimePoint began = clock.now();
          do {
            const Seconds waited = clock.now() - began;
            bar.draw(waited / most, std::nullopt, "waiting",
                     fmt::format("{}: {} of at most {}", what, human(waited), human(most)));
          } while (clock.wait_until(clock.now() + kRedraw, over));
        });
  }

 private:
  std::jthread drawer_;
};

Result<void> measure(rig::CommandRig& rig, const CommandOptions& options,
                     terminal::Context& context, std::vector<MigrationOutcome>& outcomes) {
  std::optional<Waiting> bar;
  const auto on_wait = [&](const std::optional<rig::CommandWait>& wait) {
    bar.reset();
    if (!wait) return;
    const std::string what =
        wait->migration == 0 ? std::string("the VM starts")
                             : fmt::format("migration {} of {}", wait->migration, options.repeats);
    bar.emplace(context, what, wait->most);
  };
  return rig.measure(on_wait, context.stop, outcomes);
}

// --- what is said of it ---

/// Each by itself says what it is worth.
Json to_json(const command::CommandProfile& profile, const MigrationOutcome& outcome) {
  Json json = godwit::to_json(outcome);
  json["profile"] = profile.name;
  json["tested"] = profile.tested_for_real ? "real" : "stand-in";
  return json;
}

template <class T>
std::string text(const std::optional<T>& value) {
  return value ? human(*value) : std::string(kNothing);
}

std::string to_text(const command::CommandProfile& profile,
                    const std::vector<MigrationOutcome>& outcomes) {
  terminal::Table table({"started", "status", "VM on", "total", "client's outage", "on the wire"});
  std::string notes =
      fmt::format("\nprofile {}: tested {}", profile.name,
                  profile.tested_for_real ? "on the hypervisor itself"
                                          : "against stand-in commands only, never for real");
  for (const MigrationOutcome& o : outcomes) {
    table.add({iso8601(o.started_wall_us).substr(0, 19), std::string(to_string(o.status)),
               std::string(to_string(o.vm_runs_on)), text(o.total_time), text(o.downtime.probe),
               text(o.transferred.wire)});
    if (!o.reason.empty()) notes += "\nreason: " + o.reason;
    if (o.guest.alive == std::optional(false)) notes += "\nthe guest: " + o.guest.evidence;
  }
  return table.text() + notes;
}

bool all_is_well(const std::vector<MigrationOutcome>& outcomes) {
  return std::all_of(outcomes.begin(), outcomes.end(), [](const MigrationOutcome& o) {
    return o.status == OutcomeStatus::kCompleted && o.guest.alive != std::optional(false);
  });
}

int bench_command(const CommandOptions& options, terminal::Context& context) {
  auto rig = make_rig(options, context);
  if (!rig) return context.out.error(rig.error());
  const command::CommandProfile& profile = rig->profile();
  std::vector<MigrationOutcome> outcomes;
  const auto measured = measure(*rig, options, context, outcomes);
  Json json{{"outcomes", Json::array()}};
  for (const MigrationOutcome& one : outcomes) json["outcomes"].push_back(to_json(profile, one));
  if (!outcomes.empty()) context.out.say(to_text(profile, outcomes));
  if (!measured) return context.out.error(measured.error(), json);
  context.out.result(json);
  return all_is_well(outcomes) ? terminal::kDone : terminal::kFailed;
}

// --- the command line ---

void add_instruments(terminal::Command& command, CommandOptions& options) {
  command
      .add_option("--ping", options.ping, "the guest's address: measure the outage a client sees")
      ->type_name("ADDRESS");
  command.add_option("--ping-netns", options.ping_netns, "ping from this network namespace")
      ->type_name("PATH");
  command
      .add_option("--interface", options.interface,
                  "count the bytes that this interface of this machine sends")
      ->type_name("NAME");
}

void add_course(terminal::Command& command, CommandOptions& options) {
  command.add_option("--max-time", options.max_time, "give up when it takes longer")
      ->type_name("DURATION")
      ->capture_default_str();
  command.add_option("--repeats", options.repeats, "migrations, to and fro in turn")
      ->type_name("NUMBER")
      ->capture_default_str();
  command.add_flag("--start", options.start, "start the VM on the source first");
  command.add_flag("--stop", options.stop, "stop the VM when all have arrived");
}

}  // namespace

void add_bench_command(terminal::Command& bench, terminal::Chosen& chosen) {
  auto options = std::make_shared<CommandOptions>();
  terminal::Command* command = bench.add_subcommand(
      "command", "measure migrations by any hypervisor that has a command line, from outside");
  command
      ->add_option("PROFILE", options->profile,
                   "a TOML file, or virsh, xe, govc, hyper-v (docs/command-driver.md)")
      ->required();
  command->add_option("--vm", options->vm, "the VM, as its hypervisor calls it")
      ->type_name("NAME")
      ->required();
  command->add_option("--set", options->set, "a variable of the profile; once for each")
      ->type_name("KEY=VALUE")
      ->once_for_each();
  add_instruments(*command, *options);
  add_course(*command, *options);
  terminal::add_examples(
      *command, {"godwit bench command virsh --vm web1 --set source_uri=qemu+ssh://root@a/system "
                 "--set destination_uri=qemu+ssh://root@b/system --ping 10.0.0.50 --repeats 10",
                 "godwit bench command my-hypervisor.toml --vm web1 --set source=a "
                 "--set destination=b --start --stop --json"});
  command->callback([&chosen, options] {
    chosen.action = [options](terminal::Context& context) {
      return bench_command(*options, context);
    };
  });
}

}  // namespace godwit::research
