#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>

#include "bench_commands.h"
#include "godwit/base/json.h"
#include "godwit/bench/trial_csv.h"
#include "godwit/codec/codec.h"
#include "godwit/dataset/csv.h"
#include "godwit/rig/run_folder.h"
#include "godwit/store/gzip.h"

/// `bench data`: trials become rows of the data set (docs/research/data.md).

namespace godwit::research {
namespace {

namespace fs = std::filesystem;

/// The data set's two files, as text.
struct DataSet {
  std::string rows;
  std::string profiles;
  std::set<std::string> known;  ///< "run,number" of each row
  std::int64_t added = 0;
};

Result<std::string> text_if_there(const fs::path& path) {
  auto text = store::read_gzip(path);
  if (!text && text.error().code == ErrorCode::kNotFound) return std::string();
  return text;
}

std::string name_of(const std::string& run, std::int64_t number) {
  return fmt::format("{},{}", run, number);
}

Result<void> note_rows(DataSet& set, const fs::path& path) {
  const std::string header = bench::csv_header() + "\n";
  if (set.rows.empty()) set.rows = header;
  if (!set.rows.starts_with(header)) {
    return fail(ErrorCode::kCorrupt, fmt::format("{} has other columns", path.native()),
                "make it anew from its trials with this godwit, or name another folder");
  }
  GODWIT_TRY(const dataset::CsvTable table, dataset::CsvTable::parse(set.rows));
  for (std::size_t i = 0; i < table.rows(); ++i) {
    dataset::CsvRow row(table, i);
    set.known.insert(name_of(row.text("run"), row.count("number")));
    GODWIT_CHECK_OK(row.good());
  }
  return {};
}

Result<void> add_run(DataSet& set, const fs::path& folder) {
  GODWIT_TRY(const bench::RunHeader header, rig::read_header(folder));
  return rig::read_trials(folder, [&](const bench::Trial& trial) -> Result<void> {
    const std::string run = std::to_string(header.seed);
    if (!set.known.insert(name_of(run, trial.number)).second) return {};
    set.rows += bench::csv_row(header, trial) + "\n";
    ++set.added;
    if (!trial.record || !trial.record->profile) return {};
    const Json profile{
        {"run", run}, {"number", trial.number}, {"profile", to_json(*trial.record->profile)}};
    set.profiles += json_text(profile) + "\n";
    return {};
  });
}

struct DataOptions {
  std::vector<std::string> runs;
  std::string folder = "data";
};

/// Profiles first: a row without its profile would never get one.
Result<DataSet> add_to_data(const DataOptions& options, const terminal::Context& context) {
  const fs::path rows = fs::path(options.folder) / "migrations.csv.gz";
  const fs::path profiles = fs::path(options.folder) / "profiles.jsonl.gz";
  DataSet set;
  GODWIT_TRY(set.rows, text_if_there(rows));
  GODWIT_TRY(set.profiles, text_if_there(profiles));
  GODWIT_CHECK_OK(note_rows(set, rows));
  for (const std::string& run : options.runs) {
    GODWIT_TRY(const fs::path folder, rig::named_run_folder(context.places, run));
    GODWIT_CHECK_OK(add_run(set, folder));
  }
  GODWIT_CHECK_OK(store::write_gzip(profiles, set.profiles));
  GODWIT_CHECK_OK(store::write_gzip(rows, set.rows));
  return set;
}

}  // namespace

void add_bench_data(terminal::Command& bench, terminal::Chosen& chosen) {
  auto options = std::make_shared<DataOptions>();
  terminal::Command* command = bench.add_subcommand(
      "data", "add trials to a data set, each once: migrations.csv.gz and profiles.jsonl.gz");
  command->add_option("RUN", options->runs, "suites' names, campaign, or folders of trials")
      ->required();
  command->add_option("--into", options->folder, "the data set's folder")
      ->type_name("DIR")
      ->capture_default_str();
  terminal::add_examples(*command, {"godwit bench collect --for 2h && godwit bench data campaign"});
  command->callback([&chosen, options] {
    chosen.action = [options](terminal::Context& context) {
      const auto set = add_to_data(*options, context);
      if (!set) return context.out.error(set.error());
      context.out.say(fmt::format("{} rows in {}, {} of them new", set->known.size(),
                                  options->folder, set->added));
      context.out.result(
          Json{{"data", options->folder}, {"rows", set->known.size()}, {"added", set->added}});
      return terminal::kDone;
    };
  });
}

}  // namespace godwit::research
