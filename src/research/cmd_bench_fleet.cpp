#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "bench_commands.h"
#include "godwit/base/quantity.h"
#include "godwit/hosts/fleet_file.h"
#include "godwit/hosts/judgement.h"
#include "godwit/hosts/made_fleet.h"
#include "godwit/terminal/progress_bar.h"
#include "godwit/terminal/table.h"
#include "godwit/terminal/write_file.h"

/// `bench fleet`: fleets drawn at random; `bench evacuate`: evacuations of many of them, in the
/// twin.

namespace godwit::research {
namespace {

/// As typed.
struct FleetSizeOptions {
  int hosts = 20;
  std::string memory = "128GiB";
  std::string fill = "60%";
  std::string link = "10Gbit/s";
  int rack = 20;
  std::string mix = "azure2017";
  std::int64_t seed = 1;

  void add_to(terminal::Command& command);
  [[nodiscard]] Result<hosts::FleetSize> value() const;
};

void FleetSizeOptions::add_to(terminal::Command& command) {
  command.add_option("--hosts", hosts, "how many")->type_name("NUMBER")->capture_default_str();
  command.add_option("--memory", memory, "of each host")->type_name("SIZE")->capture_default_str();
  command.add_option("--fill", fill, "share of it that VMs take")
      ->type_name("PERCENT")
      ->capture_default_str();
  command.add_option("--link", link, "of each host, in each direction")
      ->type_name("RATE")
      ->capture_default_str();
  command.add_option("--rack", rack, "hosts at one switch; racks share a quarter of their links")
      ->type_name("NUMBER")
      ->capture_default_str();
  command.add_option("--mix", mix, "how large VMs are: as on a public cloud (docs/evacuating.md)")
      ->one_of(hosts::mix_names())
      ->capture_default_str();
  command.add_option("--seed", seed, "the same number gives the same fleets")
      ->type_name("NUMBER")
      ->capture_default_str();
}

template <class T>
Result<T> named(Result<T> value, const char* option) {
  if (!value) return fail(value.error().while_doing(option));
  return value;
}

Result<hosts::FleetSize> FleetSizeOptions::value() const {
  hosts::FleetSize size;
  size.hosts = hosts;
  size.rack = rack;
  size.mix = mix;
  GODWIT_TRY(size.memory, named(parse_bytes(memory), "--memory"));
  GODWIT_TRY(size.fill, named(parse_percent(fill), "--fill"));
  GODWIT_TRY(size.link, named(parse_rate(link), "--link"));
  return size;
}

// --- fleet ---

struct MakeOptions {
  FleetSizeOptions size;
  std::string output;
};

Result<void> make(const MakeOptions& options, terminal::Context& context) {
  GODWIT_TRY(const hosts::FleetSize size, options.size.value());
  Rng rng(static_cast<std::uint64_t>(options.size.seed));
  GODWIT_TRY(const hosts::FleetFile fleet, made_fleet(size, rng));
  const std::string text = fmt::format(
      "# {} hosts, {} VMs: godwit bench fleet --mix {} --seed {}\n{}", fleet.hosts.size(),
      fleet.vms.size(), options.size.mix, options.size.seed, to_toml(fleet));
  Json result{{"hosts", fleet.hosts.size()}, {"vms", fleet.vms.size()}};
  if (options.output.empty()) {
    context.out.say(text);
    result["toml"] = text;
  } else {
    GODWIT_CHECK_OK(terminal::write_file(options.output, text));
    context.out.say(fmt::format("{} hosts with {} VMs in {}", fleet.hosts.size(), fleet.vms.size(),
                                options.output));
    result["fleet"] = options.output;
  }
  context.out.result(result);
  return {};
}

// --- evacuate ---

struct JudgeOptions {
  FleetSizeOptions size;
  int fleets = 20;
  int runs = 20;
};

std::string share_text(double share) {
  return fmt::format("{:.1f} %", share * 100);
}

std::string text_of(const hosts::Judgement& judged) {
  terminal::Table table(
      {"way", "empty after", "times godwit's", "outages", "sent", "emptied", "VMs left"});
  for (const hosts::WayJudged& way : judged.ways) {
    table.add({way.name, way.emptied > 0 ? human(way.empty_after) : "–",
               way.emptied > 0 ? fmt::format("{:.2f}", way.times) : "–", human(way.outages),
               human(way.sent), fmt::format("{} of {}", way.emptied, judged.fleets),
               std::to_string(way.left_behind)});
  }
  return fmt::format(
      "{} VMs of {} hosts, each plan carried out {} times in the twin ({} VMs are blocked)\n"
      "ended within the promised 90 % interval: {} of runs (by its upper end: {}), {} of moves\n\n"
      "{}",
      judged.vms, judged.fleets, judged.runs / std::max(judged.fleets, 1), judged.blocked,
      share_text(judged.held), share_text(judged.by_p95), share_text(judged.moves_held),
      table.text());
}

Json json_of(const hosts::Judgement& judged) {
  Json ways = Json::array();
  for (const hosts::WayJudged& way : judged.ways) {
    const bool any = way.emptied > 0;
    ways.push_back({{"way", way.name},
                    {"empty_after_s", any ? Json(way.empty_after.count()) : Json(nullptr)},
                    {"times_godwit", any ? Json(way.times) : Json(nullptr)},
                    {"outages_s", way.outages.count()},
                    {"sent_bytes", way.sent.count()},
                    {"emptied", way.emptied},
                    {"left_behind", way.left_behind}});
  }
  return Json{{"fleets", judged.fleets},
              {"vms", judged.vms},
              {"blocked", judged.blocked},
              {"promise",
               {{"runs", judged.runs},
                {"held", judged.held},
                {"by_p95", judged.by_p95},
                {"moves_held", judged.moves_held}}},
              {"ways", std::move(ways)}};
}

Result<void> evacuate(const JudgeOptions& options, terminal::Context& context) {
  constexpr int kMost = 100'000;
  if (options.fleets < 1 || options.fleets > kMost || options.runs < 1 || options.runs > kMost) {
    return fail(ErrorCode::kBadInput, "neither fleets nor runs can be so many",
                fmt::format("ask for 1 to {} of each", kMost));
  }
  hosts::JudgementOptions wanted;
  GODWIT_TRY(wanted.size, options.size.value());
  wanted.fleets = options.fleets;
  wanted.runs = options.runs;
  wanted.seed = static_cast<std::uint64_t>(options.size.seed);
  terminal::ProgressBar bar(context.clock, context.out.bar_stream());
  auto judged = hosts::judge(context.clock, wanted, context.stop,
                             [&bar](double done) { bar.draw(done, {}, "evacuating", ""); });
  bar.clear();
  if (!judged) return fail(judged.error());
  context.out.say(text_of(*judged));
  context.out.result(json_of(*judged));
  return {};
}

}  // namespace

void add_bench_fleet(terminal::Command& bench, terminal::Chosen& chosen) {
  auto options = std::make_shared<MakeOptions>();
  terminal::Command* command = bench.add_subcommand(
      "fleet", "a fleet drawn at random, as a file that evacuate takes in simulation");
  options->size.add_to(*command);
  command->add_option("-o,--output", options->output, "the file (default: stdout)")
      ->type_name("FILE");
  terminal::add_examples(*command, {"godwit bench fleet -o rack.toml",
                                    "godwit bench fleet --hosts 400 --fill 80% --seed 7 > big.toml",
                                    "godwit evacuate node1 --simulate rack.toml"});
  command->callback([&chosen, options] {
    chosen.action = [options](terminal::Context& context) {
      const auto made = make(*options, context);
      return made ? terminal::kDone : context.out.error(made.error());
    };
  });
}

void add_bench_evacuate(terminal::Command& bench, terminal::Chosen& chosen) {
  auto options = std::make_shared<JudgeOptions>();
  terminal::Command* command = bench.add_subcommand(
      "evacuate",
      "empty hosts of many fleets in the twin: how often the promised time holds, and what fixed "
      "numbers of moves at a time come to");
  options->size.add_to(*command);
  command->add_option("--fleets", options->fleets, "how many")
      ->type_name("NUMBER")
      ->capture_default_str();
  command->add_option("--runs", options->runs, "of each plan, with other chances")
      ->type_name("NUMBER")
      ->capture_default_str();
  terminal::add_examples(*command, {"godwit bench evacuate",
                                    "godwit bench evacuate --fleets 100 --link 1Gbit/s --json"});
  command->callback([&chosen, options] {
    chosen.action = [options](terminal::Context& context) {
      const auto judged = evacuate(*options, context);
      return judged ? terminal::kDone : context.out.error(judged.error());
    };
  });
}

}  // namespace godwit::research
