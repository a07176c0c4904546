#include <fmt/format.h>

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "bench_commands.h"
#include "godwit/base/quantity.h"
#include "godwit/bench/steer.h"
#include "godwit/codec/codec.h"
#include "godwit/terminal/progress_bar.h"
#include "godwit/terminal/table.h"

/// `bench steer`: control laws side by side, in the twin.

namespace godwit::research {
namespace {

constexpr int kMostRepeats = 1000;

struct SteerOptions {
  int repeats = 1;
  std::optional<std::uint64_t> seed;
};

double percent(int part, int whole) {
  return whole > 0 ? 100.0 * part / whole : 0.0;
}

std::string law_table(const std::vector<bench::LawSummary>& laws) {
  terminal::Table table({"law", "kept", "of what could be", "endless", "total time", "downtime",
                         "bytes", "auto-converge x"});
  for (const bench::LawSummary& law : laws) {
    table.add({law.law, fmt::format("{} of {}", law.kept, law.runs),
               fmt::format("{:.1f} %", percent(law.kept, law.could)), std::to_string(law.endless),
               human(Seconds(law.total_s)), human(Seconds(law.downtime_ms / 1e3)),
               human(Bytes(static_cast<std::int64_t>(law.bytes))),
               fmt::format("{:.2f}", law.against_auto_converge)});
  }
  return table.text();
}

Json json_of(const bench::LawSummary& law) {
  return Json{{"law", law.law},
              {"runs", law.runs},
              {"kept", law.kept},
              {"could_be_kept", law.could},
              {"endless", law.endless},
              {"mean_total_time_s", law.total_s},
              {"mean_downtime_ms", law.downtime_ms},
              {"mean_transferred_bytes", law.bytes},
              {"total_time_against_auto_converge", law.against_auto_converge}};
}

Json json_of(const bench::SteeredRun& run) {
  return Json{{"law", run.law},
              {"guest", run.guest},
              {"link_bytes_per_s", run.link_bytes_per_s},
              {"intent", run.intent},
              {"repeat", run.repeat},
              {"kept", run.kept},
              {"outcome", to_json(run.outcome)}};
}

int steer(const SteerOptions& options, terminal::Context& context) {
  if (options.repeats < 1 || options.repeats > kMostRepeats) {
    return context.out.error(
        {ErrorCode::kBadInput, fmt::format("a cell can be repeated 1 to {} times", kMostRepeats),
         ""},
        Json::object());
  }
  bench::SteerSuite suite = bench::steer_suite();
  suite.repeats = options.repeats;
  suite.seed = options.seed.value_or(suite.seed);
  terminal::ProgressBar bar(context.clock, context.out.bar_stream());
  const auto runs =
      bench::run_steer_suite(suite, [&bar](double done) { bar.draw(done, {}, "steering", ""); });
  bar.clear();
  if (!runs) return context.out.error(runs.error(), Json::object());
  const std::vector<bench::LawSummary> laws = bench::summed_up(*runs);
  context.out.say(fmt::format("{} migrations in the twin: {} guests, {} links, {} intents\n",
                              runs->size(), suite.guests.size(), suite.links.size(),
                              suite.intents.size()));
  context.out.say(law_table(laws));
  Json object{{"laws", Json::array()}, {"runs", Json::array()}};
  for (const bench::LawSummary& law : laws) object["laws"].push_back(json_of(law));
  for (const bench::SteeredRun& run : *runs) object["runs"].push_back(json_of(run));
  context.out.result(object);
  return terminal::kDone;
}

}  // namespace

void add_bench_steer(terminal::Command& bench, terminal::Chosen& chosen) {
  auto options = std::make_shared<SteerOptions>();
  terminal::Command* command = bench.add_subcommand(
      "steer",
      "control laws side by side on the same guests, in the twin: thousands of migrations "
      "in seconds");
  command
      ->add_option("--repeats", options->repeats,
                   "of each cell, each with other chances, the same for every law")
      ->type_name("N")
      ->capture_default_str();
  command->add_option("--seed", options->seed, "of the chances")->type_name("N");
  terminal::add_examples(
      *command, {"godwit bench steer", "godwit bench steer --repeats 10 --json > laws.json"});
  command->callback([options, &chosen] {
    chosen.action = [options](terminal::Context& context) { return steer(*options, context); };
  });
}

}  // namespace godwit::research
