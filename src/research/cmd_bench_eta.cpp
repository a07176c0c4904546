#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <vector>

#include "bench_commands.h"
#include "godwit/bench/foretelling.h"
#include "godwit/terminal/progress_bar.h"
#include "godwit/terminal/table.h"

/// `bench eta`: how well `watch` foretells when migrations end, in the twin.

namespace godwit::research {
namespace {

constexpr int kMostMigrations = 100'000;
/// What moves by more than that without an event has jumped.
constexpr double kJump = 0.1;

struct EtaOptions {
  int migrations = 600;
  std::int64_t seed = 1;
};

std::string in_percent(double share) {
  return fmt::format("{:.1f} %", 100 * share);
}

std::string score_table(const std::vector<bench::ForetellingScore>& scores) {
  terminal::Table table({"what was said", "moments", "without an ETA", "of the whole time", "p90",
                         "remaining / rate", "of what was left", "remaining / rate",
                         "90 % interval holds"});
  for (const bench::ForetellingScore& score : scores) {
    table.add({score.when, std::to_string(score.moments), std::to_string(score.silent),
               in_percent(score.of_total), in_percent(score.of_total_p90),
               in_percent(score.by_rate_of_total), in_percent(score.of_left),
               in_percent(score.by_rate_of_left), in_percent(score.held)});
  }
  return table.text();
}

Json json_of(const bench::ForetellingScore& score) {
  return Json{{"when", score.when},
              {"moments", score.moments},
              {"without_eta", score.silent},
              {"error_of_total", score.of_total},
              {"error_of_total_p90", score.of_total_p90},
              {"error_of_left", score.of_left},
              {"remaining_by_rate_error_of_total", score.by_rate_of_total},
              {"remaining_by_rate_error_of_left", score.by_rate_of_left},
              {"interval_holds", score.held}};
}

Result<void> foretell(const EtaOptions& options, terminal::Context& context) {
  if (options.migrations < 1 || options.migrations > kMostMigrations) {
    return fail(ErrorCode::kBadInput,
                fmt::format("1 to {} migrations can be watched", kMostMigrations));
  }
  terminal::ProgressBar bar(context.clock, context.out.bar_stream());
  const auto runs =
      bench::watch_in_the_twin(options.migrations, static_cast<std::uint64_t>(options.seed),
                               [&bar](double done) { bar.draw(done, {}, "watching", ""); });
  bar.clear();
  if (!runs) return fail(runs.error());
  const std::vector<bench::ForetellingScore> scores = bench::foretelling_scores(*runs);
  const auto jumped = std::count_if(runs->begin(), runs->end(),
                                    [](const bench::WatchedRun& run) { return run.moved > kJump; });
  context.out.say(
      fmt::format("{} migrations in the twin, {} of which completed; errors are medians\n",
                  options.migrations, runs->size()));
  context.out.say(score_table(scores));
  context.out.say(fmt::format(
      "\nin {} the end that was expected moved by more than a tenth without an event", jumped));
  Json object{{"migrations", options.migrations},
              {"completed", runs->size()},
              {"jumped", jumped},
              {"scores", Json::array()}};
  for (const bench::ForetellingScore& score : scores) object["scores"].push_back(json_of(score));
  context.out.result(object);
  return {};
}

}  // namespace

void add_bench_eta(terminal::Command& bench, terminal::Chosen& chosen) {
  auto options = std::make_shared<EtaOptions>();
  terminal::Command* command = bench.add_subcommand(
      "eta",
      "how well watch foretells when migrations end, beside what remains / the rate: of random "
      "guests, in the twin");
  command->add_option("--migrations", options->migrations, "how many")
      ->type_name("N")
      ->capture_default_str();
  command->add_option("--seed", options->seed, "the same number gives the same migrations")
      ->type_name("N")
      ->capture_default_str();
  terminal::add_examples(*command,
                         {"godwit bench eta", "godwit bench eta --migrations 5000 --json"});
  command->callback([options, &chosen] {
    chosen.action = [options](terminal::Context& context) {
      const auto done = foretell(*options, context);
      return done ? terminal::kDone : context.out.error(done.error(), Json::object());
    };
  });
}

}  // namespace godwit::research
