#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "bench_commands.h"
#include "godwit/base/quantity.h"
#include "godwit/bench/steer.h"
#include "godwit/codec/codec.h"
#include "godwit/rig/run_folder.h"
#include "godwit/terminal/progress_bar.h"
#include "godwit/terminal/table.h"

/// `bench steer`: control laws side by side, in the twin and as a suite measured them.

namespace godwit::research {
namespace {

constexpr int kMostRepeats = 1000;

struct SteerOptions {
  int repeats = 1;
  std::optional<std::uint64_t> seed;
  std::string run;  ///< folder or name of one; empty: the twin's own suite
};

double percent(int part, int whole) {
  return whole > 0 ? 100.0 * part / whole : 0.0;
}

std::string law_table(const std::vector<bench::LawSummary>& laws) {
  const bool measured = std::any_of(laws.begin(), laws.end(), [](const bench::LawSummary& law) {
    return law.outage_ms > 0;  // a client asked
  });
  std::vector<std::string> head{"law",        "kept",  "of what could be", "endless",
                                "total time", "bytes", "downtime",         "auto-converge x"};
  if (measured) head.insert(head.end(), {"by QEMU", "a client's outage", "slowdown"});
  terminal::Table table(head);
  for (const bench::LawSummary& law : laws) {
    std::vector<std::string> row{law.law,
                                 fmt::format("{} of {}", law.kept, law.runs),
                                 fmt::format("{:.1f} %", percent(law.kept, law.could)),
                                 std::to_string(law.endless),
                                 human(Seconds(law.total_s)),
                                 human(Bytes(static_cast<std::int64_t>(law.bytes))),
                                 human(Seconds(law.downtime_ms / 1e3)),
                                 fmt::format("{:.2f}", law.against_auto_converge)};
    if (measured) {
      row.insert(row.end(),
                 {human(Seconds(law.downtime_qemu_ms / 1e3)), human(Seconds(law.outage_ms / 1e3)),
                  fmt::format("{:.1f} %", 100 * law.slowdown)});
    }
    table.add(row);
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
              {"mean_downtime_qemu_ms", law.downtime_qemu_ms},
              {"mean_outage_ms", law.outage_ms},
              {"mean_slowdown", law.slowdown},
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

Json json_of(const std::vector<bench::LawSummary>& laws,
             const std::vector<bench::SteeredRun>& runs) {
  Json object{{"laws", Json::array()}, {"runs", Json::array()}};
  for (const bench::LawSummary& law : laws) object["laws"].push_back(json_of(law));
  for (const bench::SteeredRun& run : runs) object["runs"].push_back(json_of(run));
  return object;
}

Result<void> steer_in_twin(const SteerOptions& options, terminal::Context& context) {
  if (options.repeats < 1 || options.repeats > kMostRepeats) {
    return fail(ErrorCode::kBadInput,
                fmt::format("a cell can be repeated 1 to {} times", kMostRepeats));
  }
  bench::SteerSuite suite = bench::steer_suite();
  suite.repeats = options.repeats;
  suite.seed = options.seed.value_or(suite.seed);
  terminal::ProgressBar bar(context.clock, context.out.bar_stream());
  const auto runs =
      bench::run_steer_suite(suite, [&bar](double done) { bar.draw(done, {}, "steering", ""); });
  bar.clear();
  if (!runs) return fail(runs.error());
  const std::vector<bench::LawSummary> laws = bench::summed_up(*runs);
  context.out.say(fmt::format("{} migrations in the twin: {} guests, {} links, {} intents\n",
                              runs->size(), suite.guests.size(), suite.links.size(),
                              suite.intents.size()));
  context.out.say(law_table(laws));
  context.out.result(json_of(laws, *runs));
  return {};
}

/// The migrations of a suite, and the same in the twin.
Result<void> compare_with_twin(const SteerOptions& options, terminal::Context& context) {
  GODWIT_TRY(const std::filesystem::path folder,
             rig::named_run_folder(context.places, options.run));
  std::vector<bench::Trial> trials;
  std::vector<bench::SteeredRun> runs;
  GODWIT_CHECK_OK(rig::read_trials(folder, [&](bench::Trial trial) -> Result<void> {
    if (trial.record) runs.push_back(bench::steered_run(trial.cell, trial.record->outcome));
    trials.push_back(std::move(trial));
    return {};
  }));
  GODWIT_TRY(const std::vector<bench::SteeredRun> simulated, bench::in_the_twin(trials));
  const std::vector<bench::LawSummary> laws = bench::summed_up(runs);
  const std::vector<bench::LawSummary> in_twin = bench::summed_up(simulated);
  const auto agreement = bench::rank_correlation(laws, in_twin);
  context.out.say(fmt::format("{} migrations of {}\n", runs.size(), folder.native()));
  context.out.say(law_table(laws));
  context.out.say("\nthe same in the twin\n");
  context.out.say(law_table(in_twin));
  if (agreement) {
    context.out.say(fmt::format("\nboth rank the laws alike: rank correlation {:.2f}", *agreement));
  }
  Json object = json_of(laws, runs);
  object["twin"] = json_of(in_twin, simulated);
  object["rank_correlation"] = agreement ? Json(*agreement) : Json();
  context.out.result(object);
  return {};
}

int steer(const SteerOptions& options, terminal::Context& context) {
  const auto done =
      options.run.empty() ? steer_in_twin(options, context) : compare_with_twin(options, context);
  return done ? terminal::kDone : context.out.error(done.error(), Json::object());
}

}  // namespace

void add_bench_steer(terminal::Command& bench, terminal::Chosen& chosen) {
  auto options = std::make_shared<SteerOptions>();
  terminal::Command* command = bench.add_subcommand(
      "steer",
      "control laws side by side on the same guests, in the twin: thousands of migrations "
      "in seconds; or those of a suite that was run, beside the twin");
  command
      ->add_option("--repeats", options->repeats,
                   "of each cell, each with other chances, the same for every law")
      ->type_name("N")
      ->capture_default_str();
  command->add_option("--seed", options->seed, "of the chances")->type_name("N");
  command
      ->add_option("--of", options->run,
                   "compare the laws of a run, by its name or folder, and run the same in the twin")
      ->type_name("RUN");
  terminal::add_examples(
      *command, {"godwit bench steer", "godwit bench steer --repeats 10 --json > laws.json",
                 "godwit bench run laws && godwit bench steer --of laws"});
  command->callback([options, &chosen] {
    chosen.action = [options](terminal::Context& context) { return steer(*options, context); };
  });
}

}  // namespace godwit::research
