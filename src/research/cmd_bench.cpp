#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <random>

#include "bench_commands.h"
#include "godwit/base/json.h"
#include "godwit/base/quantity.h"
#include "godwit/base/version.h"
#include "godwit/bench/campaign.h"
#include "godwit/bench/report.h"
#include "godwit/bench/suite.h"
#include "godwit/bench/trial_csv.h"
#include "godwit/lab/facts.h"
#include "godwit/research/commands.h"
#include "godwit/rig/lab_rig.h"
#include "godwit/rig/run_folder.h"
#include "godwit/terminal/options.h"
#include "godwit/terminal/progress_bar.h"
#include "godwit/terminal/shipped_files.h"
#include "godwit/terminal/write_file.h"
#include "suite_file.h"

namespace godwit::research {
namespace {

namespace fs = std::filesystem;

/// What a suite's cells and a campaign's have in common.
struct BenchOptions {
  std::string suite;            ///< file, or name of one that comes with godwit
  std::string store;            ///< folder; empty: the default one
  std::string duration = "1h";  ///< of a campaign
  std::optional<std::uint64_t> seed;
};

std::uint64_t seed_of(const BenchOptions& options) {
  return options.seed ? *options.seed : std::random_device{}();
}

Result<fs::path> folder_of(const BenchOptions& options, const std::string& name,
                           const terminal::Context& context) {
  if (!options.store.empty()) return fs::path(options.store);
  return rig::default_run_folder(context.places, name);
}

/// Runs what is left of `work` in a folder, with a bar, and says how it went.
Result<bench::Counts> run_in(rig::RunFolder& folder, bench::Work work, terminal::Context& context) {
  work.done = folder.done();
  engine::Engine engine = terminal::open_engine(context, rig::LabRig::kLab);
  GODWIT_TRY(const auto rig, rig::LabRig::make(engine, context.clock, context.stop));
  terminal::ProgressBar bar(context.clock, context.out.bar_stream());
  const auto on_progress = [&](const bench::RunProgress& p) {
    bar.draw(p.done, p.eta, "measuring", fmt::format("{} kept; {}", p.counts.done, p.now));
    if (context.out.bar_stream() == nullptr) context.out.say(p.now);
  };
  return bench::run_work(context.clock, work, *rig, folder, on_progress, context.stop);
}

int print_counts(const Result<bench::Counts>& counts, const fs::path& folder,
                 terminal::Context& context) {
  const std::string again = "run the same command again to go on";
  if (!counts) {
    Error error = counts.error();
    error.what_to_do += error.what_to_do.empty() ? again : "; then " + again;
    return context.out.error(error, Json{{"store", folder.native()}});
  }
  context.out.say(fmt::format(
      "{} migrations kept in {}, {} cells broken{}", counts->done, folder.native(), counts->failed,
      counts->left > 0 ? fmt::format(", {} left: {}", counts->left, again) : ""));
  context.out.result(
      Json{{"cells", {{"done", counts->done}, {"failed", counts->failed}, {"left", counts->left}}},
           {"store", folder.native()}});
  return counts->left > 0 && context.stop.stop_requested() ? terminal::kFailed : terminal::kDone;
}

Result<std::unique_ptr<rig::RunFolder>> open_folder(const fs::path& path, const std::string& name,
                                                    const std::string& toml,
                                                    const BenchOptions& options) {
  bench::RunHeader header;
  header.name = name;
  header.toml = toml;
  header.seed = seed_of(options);
  header.godwit = version();
  header.host = rig::host_facts();
  return rig::RunFolder::open(path, header);
}

int run_suite(const BenchOptions& options, terminal::Context& context) {
  const auto suite = read_suite(options.suite);
  if (!suite) return context.out.error(suite.error());
  const auto path = folder_of(options, suite->name, context);
  if (!path) return context.out.error(path.error());
  const auto folder = open_folder(*path, suite->name, suite->toml, options);
  if (!folder) return context.out.error(folder.error());
  const std::vector<bench::Cell> cells = bench::shuffled_cells(*suite, (*folder)->header().seed);
  bench::Work work;
  work.size = static_cast<std::int64_t>(cells.size());
  work.cell = [&cells](std::int64_t number) -> std::optional<bench::Cell> {
    if (number >= static_cast<std::int64_t>(cells.size())) return std::nullopt;
    return cells[static_cast<std::size_t>(number)];
  };
  return print_counts(run_in(**folder, std::move(work), context), *path, context);
}

/// Said at once, and not by the first guest that runs a program.
Result<void> require_programs() {
  GODWIT_TRY(const std::string image, lab::find_guest_image());
  GODWIT_CHECK_OK(lab::find_programs(image));
  return {};
}

int collect(const BenchOptions& options, terminal::Context& context) {
  if (const auto there = require_programs(); !there) return context.out.error(there.error());
  const auto duration = parse_duration(options.duration);
  if (!duration) return context.out.error(duration.error().while_doing("--for"));
  const auto path = folder_of(options, "campaign", context);
  if (!path) return context.out.error(path.error());
  const auto folder = open_folder(*path, "campaign", "", options);
  if (!folder) return context.out.error(folder.error());
  bench::Work work;
  work.until = context.clock.now() + *duration;
  work.cell = [seed = (*folder)->header().seed](std::int64_t number) {
    return std::optional(bench::campaign_cell(seed, number));
  };
  return print_counts(run_in(**folder, std::move(work), context), *path, context);
}

// --- report ---

struct ReportOptions {
  std::string folder;
  std::string output = "report.html";
};

std::string csv_of(const bench::RunHeader& header, const std::vector<bench::Trial>& trials) {
  std::string text = bench::csv_header() + "\n";
  for (const bench::Trial& trial : trials) text += bench::csv_row(header, trial) + "\n";
  return text;
}

Result<std::int64_t> write_report(const ReportOptions& options, terminal::Context& context) {
  GODWIT_TRY(const fs::path folder, rig::named_run_folder(context.places, options.folder));
  GODWIT_TRY(const bench::RunHeader header, rig::read_header(folder));
  std::vector<bench::Trial> trials;
  GODWIT_CHECK_OK(rig::read_trials(folder, [&trials](bench::Trial trial) -> Result<void> {
    trials.push_back(std::move(trial));
    return {};
  }));
  GODWIT_TRY(const std::string page, terminal::report_page());
  const Json data = bench::report_json(header, trials, context.clock.wall_us());
  GODWIT_TRY(const std::string filled, bench::fill_page(page, data));
  const fs::path html(options.output);
  GODWIT_CHECK_OK(terminal::write_file(html, filled));
  GODWIT_CHECK_OK(
      terminal::write_file(fs::path(html).replace_extension(".json"), json_text(data) + "\n"));
  GODWIT_CHECK_OK(
      terminal::write_file(fs::path(html).replace_extension(".csv"), csv_of(header, trials)));
  return static_cast<std::int64_t>(trials.size());
}

int report(const ReportOptions& options, terminal::Context& context) {
  const auto trials = write_report(options, context);
  if (!trials) return context.out.error(trials.error());
  context.out.say(
      fmt::format("{} trials in {}, with .json and .csv beside it", *trials, options.output));
  context.out.result(Json{{"report", options.output}, {"trials", *trials}});
  return terminal::kDone;
}

// --- the command line ---

void add_shared(terminal::Command& command, BenchOptions& options) {
  command
      .add_option("--store", options.store,
                  "folder of the trials; a run that is there already goes on")
      ->type_name("DIR");
  command.add_option("--seed", options.seed, "of the random order (default: chosen at random)")
      ->type_name("NUMBER");
}

void add_run(terminal::Command& parent, terminal::Chosen& chosen) {
  auto options = std::make_shared<BenchOptions>();
  terminal::Command* command = parent.add_subcommand(
      "run", "measure every migration of a suite; goes on where an earlier run ended");
  command->add_option("SUITE", options->suite, "a TOML file, or the name of a suite of godwit's")
      ->required();
  add_shared(*command, *options);
  terminal::add_examples(*command,
                         {"godwit bench run hu-baseline", "godwit bench run my-suite.toml --json",
                          "godwit bench report hu-baseline"});
  command->callback([&chosen, options] {
    chosen.lab = terminal::LabEntry{rig::LabRig::kLab, lab::EnterMode::kCreate};
    chosen.action = [options](terminal::Context& context) { return run_suite(*options, context); };
  });
}

void add_collect(terminal::Command& parent, terminal::Chosen& chosen) {
  auto options = std::make_shared<BenchOptions>();
  terminal::Command* command = parent.add_subcommand(
      "collect", "measure random migrations for a while; goes on where an earlier one ended");
  command->add_option("--for", options->duration, "how long")
      ->type_name("DURATION")
      ->capture_default_str();
  add_shared(*command, *options);
  terminal::add_examples(*command,
                         {"godwit bench collect --for 2h", "godwit bench report campaign"});
  command->callback([&chosen, options] {
    chosen.lab = terminal::LabEntry{rig::LabRig::kLab, lab::EnterMode::kCreate};
    chosen.action = [options](terminal::Context& context) { return collect(*options, context); };
  });
}

void add_report(terminal::Command& parent, terminal::Chosen& chosen) {
  auto options = std::make_shared<ReportOptions>();
  terminal::Command* command = parent.add_subcommand(
      "report", "one HTML file that opens offline, with JSON and CSV beside it");
  command->add_option("RUN", options->folder, "a suite's name, or a folder of trials")->required();
  command->add_option("-o,--output", options->output, "the file")
      ->type_name("FILE")
      ->capture_default_str();
  terminal::add_examples(*command, {"godwit bench report hu-baseline -o hu-baseline.html"});
  command->callback([&chosen, options] {
    chosen.action = [options](terminal::Context& context) { return report(*options, context); };
  });
}

}  // namespace

void add_bench(terminal::Command& app, terminal::Chosen& chosen) {
  terminal::Command* bench =
      app.add_subcommand("bench", "measure many migrations on a lab, and report on them");
  bench->require_subcommand();
  add_run(*bench, chosen);
  add_collect(*bench, chosen);
  add_report(*bench, chosen);
  add_bench_data(*bench, chosen);
  add_bench_command(*bench, chosen);
  add_bench_steer(*bench, chosen);
  add_bench_eta(*bench, chosen);
  add_bench_fleet(*bench, chosen);
  add_bench_evacuate(*bench, chosen);
  terminal::add_examples(*bench,
                         {"godwit bench run hu-dirty-size", "godwit bench report hu-dirty-size",
                          "godwit bench collect --for 2h"});
}

}  // namespace godwit::research
