#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "fleet_lines.h"
#include "fleet_text.h"
#include "godwit/base/quantity.h"
#include "godwit/evacuation/commands.h"
#include "godwit/hosts/operation.h"
#include "godwit/hosts/time_until.h"
#include "godwit/terminal/options.h"
#include "godwit/terminal/shipped_files.h"
#include "godwit/terminal/write_file.h"
#include "open_fleet.h"
#include "plan_picture.h"

/// `evacuate`, `restore` and `cordon`.

namespace godwit::evacuation {
namespace {

struct MoveOptions {
  bool restore = false;
  FleetOptions fleet;
  std::vector<std::string> to;
  std::vector<std::string> keep;
  std::string by;
  std::string intents;
  std::string picture;
  bool dry_run = false;
  bool no_profile = false;
  terminal::ObserveOption observe;
  terminal::IntentOptions intent;
  terminal::StoreOption store;
};

Result<hosts::Wanted> wanted_of(const MoveOptions& options, const OpenedFleet& opened,
                                terminal::Context& context) {
  hosts::Wanted wanted;
  wanted.restore = options.restore;
  wanted.host = opened.host;
  for (const std::string& host : options.to) wanted.to.push_back(name_in_fleet(host));
  for (const std::string& vm : options.keep) wanted.keep.push_back(name_in_fleet(vm));
  if (!options.by.empty()) {
    const std::int64_t now = context.clock.wall_us();
    const auto within = hosts::time_until(options.by, now);
    if (!within) return fail(within.error().while_doing("--by"));
    wanted.by_wall_us = now + std::llround(within->count() * 1e6);
    if (*within <= Seconds(0)) {
      return fail(ErrorCode::kBadInput, fmt::format("--by: {} has passed", options.by),
                  "give a time that is to come");
    }
  }
  GODWIT_TRY(wanted.survey.intent, options.intent.value());
  GODWIT_TRY(wanted.survey.observe, options.observe.value());
  if (!options.intents.empty()) {
    GODWIT_TRY(const std::string text,
               terminal::read_text(options.intents, "name a TOML file of intents"));
    auto file = hosts::parse_intent_file(text, wanted.survey.intent, context.clock.wall_us());
    if (!file) return fail(file.error().while_doing(options.intents));
    wanted.intents = std::move(*file);
    wanted.intents->name = options.intents;
  }
  wanted.survey.profile = !options.no_profile;
  wanted.survey.store = options.store.path;
  return wanted;
}

std::string promise_of(const MoveOptions& options, const std::string& host) {
  return options.restore ? fmt::format("all are back on host {}", host)
                         : fmt::format("host {} is empty", host);
}

int simulate(const MoveOptions& options, const hosts::Wanted& wanted, const hosts::Draft& draft,
             hosts::Operation& operation, terminal::Context& context) {
  const auto outcome = operation.simulate(draft);
  if (!outcome) return context.out.error(outcome.error(), Json{{"plan", to_json(draft.plan)}});
  context.out.say("\none run of it in simulation; nothing was moved");
  context.out.say(outcome_text(*outcome, {}, promise_of(options, wanted.host)));
  context.out.result(Json{{"plan", to_json(draft.plan)},
                          {"outcome", to_json(*outcome, {}, !options.restore)},
                          {"simulated", true}});
  return outcome->complete() ? terminal::kDone : terminal::kFailed;
}

/// A plan that leaves a VM behind is not begun: who wants that says so.
std::optional<Error> refusal(const hosts::Draft& draft, const std::string& host, bool restore) {
  if (draft.too_late) return draft.too_late;
  const auto blockers = in_the_way(draft.plan, draft.situation);
  if (blockers.empty()) return std::nullopt;
  std::vector<std::string> names;
  for (const fleet::Blocked& one : blockers) names.push_back(one.vm);
  const fleet::Blocked& first = blockers.front();
  Remedy remedy = first.what_to_do;
  if (!restore) {
    std::string keep;
    for (const std::string& vm : names) keep += " --keep " + vm;
    remedy += Remedy("; or leave " + std::string(names.size() > 1 ? "them" : "it") +
                     " where it is:" + keep);
  }
  return Error{
      ErrorCode::kImpossible,
      fmt::format("{} of host {} can't be moved ({}); VM {}: {}", names.size() > 1 ? "VMs" : "a VM",
                  host, fmt::join(names, ", "), first.vm, first.reason),
      std::move(remedy)};
}

int carry_out(const MoveOptions& options, const hosts::Wanted& wanted, hosts::Draft draft,
              hosts::Operation& operation, terminal::Context& context) {
  const Json plan = to_json(draft.plan);
  const auto earlier = draft.earlier;
  context.out.say(
      fmt::format("\nmoving {} VMs (Ctrl-C begins nothing more, and cancels what can be)",
                  draft.plan.moves.size()));
  const auto run = [&] {
    FleetLines lines(context);
    return operation.run(wanted, std::move(draft), lines);
  };
  const auto outcome = run();
  if (!outcome) return context.out.error(outcome.error(), Json{{"plan", plan}});
  context.out.say(outcome_text(*outcome, earlier, promise_of(options, wanted.host)));
  context.out.result(
      Json{{"plan", plan}, {"outcome", to_json(*outcome, earlier, !options.restore)}});
  return outcome->complete() ? terminal::kDone : terminal::kFailed;
}

Result<hosts::Draft> draft_of(const hosts::Wanted& wanted, bool simulated,
                              hosts::Operation& operation, terminal::Context& context) {
  if (wanted.survey.profile && !simulated) {
    context.out.say(fmt::format("observing the VMs for {}", human(wanted.survey.observe)));
  }
  return operation.draft(wanted, [&context](const fleet::Estimate& one) {
    context.out.say(fmt::format("  {}: {}{}", one.vm, one.ground,
                                one.blocked ? ", can't be moved as is wanted" : ""));
  });
}

int only_planned(const hosts::Draft& draft, const Json& plan, bool simulated,
                 const hosts::Operation& operation, terminal::Context& context) {
  Json result{{"plan", plan}};
  if (!simulated && !draft.plan.moves.empty()) {
    const auto hours = operation.hours(draft);
    if (!hours) return context.out.error(hours.error(), result);
    context.out.say(hours_text(*hours, draft.plan.finish.p50));
    result["hours"] = to_json(*hours);
  }
  context.out.result(result);
  return terminal::kDone;
}

Result<void> draw(const MoveOptions& options, const hosts::Draft& draft,
                  const hosts::Wanted& wanted) {
  if (options.picture.empty()) return {};
  const auto drawn = options.picture.ends_with(".html") ? plan_html : plan_svg;
  return terminal::write_file(options.picture, drawn(draft.plan, draft.situation.inventory.network,
                                                     promise_of(options, wanted.host)));
}

int move_vms(const MoveOptions& options, terminal::Context& context) {
  auto opened = open_fleet(options.fleet, options.store.path, context);
  if (!opened) return context.out.error(opened.error());
  const auto wanted = wanted_of(options, *opened, context);
  if (!wanted) return context.out.error(wanted.error());
  hosts::Operation operation(context.clock, *opened->fleet, opened->engines, context.places,
                             opened->files, context.stop);
  const bool simulated = !options.fleet.simulated.empty();
  if (!options.dry_run && !simulated) {
    if (const auto begun = operation.begin(); !begun) return context.out.error(begun.error());
  }
  auto draft = draft_of(*wanted, simulated, operation, context);
  if (!draft) return context.out.error(draft.error());
  context.out.say("\n" + plan_text(draft->plan, promise_of(options, wanted->host)));
  const Json plan = to_json(draft->plan);
  if (const auto drawn = draw(options, *draft, *wanted); !drawn) {
    return context.out.error(drawn.error(), Json{{"plan", plan}});
  }
  if (const auto refused = refusal(*draft, wanted->host, options.restore)) {
    return context.out.error(*refused, Json{{"plan", plan}});
  }
  if (options.dry_run) return only_planned(*draft, plan, simulated, operation, context);
  if (simulated) return simulate(options, *wanted, *draft, operation, context);
  return carry_out(options, *wanted, std::move(*draft), operation, context);
}

/// Returns --fleet.
const terminal::Option* add_common(terminal::Command& command,
                                   const std::shared_ptr<MoveOptions>& options) {
  const terminal::Option* const fleet = options->fleet.add_to(command);
  command.add_flag("--tls", options->fleet.tls, terminal::kTlsHelp);
  command.add_flag("--dry-run", options->dry_run, "plan, and move nothing");
  command
      .add_option("--picture", options->picture,
                  "draw the plan, its links and the promised time into this file: as a page with "
                  "the table of moves if its name ends in .html, else as SVG")
      ->type_name("FILE");
  command
      .add_option("--by", options->by,
                  "refuse what will not be done by then, in 95 % of cases: 30m (from now), 22:30 "
                  "(today), or 2026-11-27T22:30:00Z")
      ->type_name("TIME");
  const terminal::Option* observe = options->observe.add_to(command);
  command
      .add_flag("--no-profile", options->no_profile,
                "don't observe the VMs: each counts as the worst of its earlier moves, and goes by "
                "pre-copy")
      ->excludes({observe});
  options->intent.add_to(command);
  command
      .add_option("--intent", options->intents,
                  "what single VMs are to keep, when each may move, and with which others; as TOML "
                  "(docs/evacuating.md)")
      ->type_name("FILE")
      ->group("What you want");
  options->store.add_to(command);
  return fleet;
}

void choose(terminal::Command& command, terminal::Chosen& chosen,
            const std::shared_ptr<MoveOptions>& options) {
  command.callback([&chosen, options] {
    chosen.lab = options->fleet.lab_entry();
    chosen.action = [options](terminal::Context& context) { return move_vms(*options, context); };
  });
}

int cordon(const FleetOptions& options, bool undo, terminal::Context& context) {
  const auto opened = open_fleet(options, "", context);
  if (!opened) return context.out.error(opened.error());
  const auto inventory = opened->fleet->look();
  if (!inventory) return context.out.error(inventory.error());
  const auto set = hosts::set_cordon(context.clock, opened->files, *inventory, opened->host, !undo);
  if (!set) return context.out.error(set.error());
  context.out.say(fmt::format("host {} {}", opened->host,
                              undo ? "takes VMs again"
                                   : "is cordoned: no evacuation sends VMs "
                                     "there; VMs that it has stay"));
  context.out.result(Json{{"host", opened->host}, {"cordoned", !undo}});
  return terminal::kDone;
}

}  // namespace

void add_evacuate(terminal::Command& app, terminal::Chosen& chosen) {
  auto options = std::make_shared<MoveOptions>();
  terminal::Command* command = app.add_subcommand(
      "evacuate",
      "empty a host: plan the moves of all its VMs, say when it will be empty and what "
      "stands in the way, and carry the plan out");
  command->alias("drain");
  const terminal::Option* const fleet = add_common(*command, options);
  command
      ->add_option("--to", options->to, "only to this host (may be repeated; default: every other)")
      ->once_for_each()
      ->type_name("HOST");
  command
      ->add_option(
          "--simulate", options->fleet.simulated,
          "instead of moving anything: the hosts and VMs of this file (docs/evacuating.md), "
          "in simulation")
      ->type_name("FILE")
      ->excludes({fleet});
  command->add_option("--keep", options->keep, "leave this VM where it is (may be repeated)")
      ->once_for_each()
      ->type_name("VM");
  terminal::add_examples(
      *command,
      {"godwit evacuate lab:a --dry-run --picture plan.html", "godwit evacuate lab:a --by 10m",
       "godwit evacuate node7 --fleet rack.toml --to node8 --to node9",
       "godwit evacuate node7 --simulate rack.toml",
       "godwit evacuate node7 --fleet rack.toml --intent shop.toml --dry-run",
       "godwit evacuate lab:a --no-postcopy --keep guest --json",
       "godwit evacuate libvirt:qemu:///system --hosts qemu+ssh://root@kvm2/system --dry-run"});
  choose(*command, chosen, options);
}

void add_restore(terminal::Command& app, terminal::Chosen& chosen) {
  auto options = std::make_shared<MoveOptions>();
  options->restore = true;
  terminal::Command* command =
      app.add_subcommand("restore", "bring back the VMs that were evacuated from a host");
  (void)add_common(*command, options);
  terminal::add_examples(*command, {"godwit restore lab:a", "godwit restore lab:a --dry-run",
                                    "godwit restore node7 --fleet rack.toml --json",
                                    "godwit restore kvm1 --fleet hosts.toml"});
  choose(*command, chosen, options);
}

void add_cordon(terminal::Command& app, terminal::Chosen& chosen) {
  auto options = std::make_shared<FleetOptions>();
  auto undo = std::make_shared<bool>(false);
  terminal::Command* command = app.add_subcommand("cordon", "let no evacuation send VMs to a host");
  (void)options->add_to(*command);
  command->add_flag("--undo", *undo, "it takes VMs again");
  terminal::add_examples(*command, {"godwit cordon lab:b", "godwit cordon lab:b --undo"});
  command->callback([&chosen, options, undo] {
    chosen.lab = options->lab_entry();
    chosen.action = [options, undo](terminal::Context& context) {
      return cordon(*options, *undo, context);
    };
  });
}

}  // namespace godwit::evacuation
