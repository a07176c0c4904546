#include <fmt/format.h>

#include <cmath>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "data_set.h"
#include "godwit/base/json.h"
#include "godwit/engine/history.h"
#include "godwit/learn/training_example.h"
#include "godwit/research/commands.h"
#include "godwit/terminal/options.h"
#include "godwit/terminal/table.h"
#include "godwit/terminal/write_file.h"
#include "godwit/train/model.h"

/// `learn`: from migrations that were measured to corrections of the twin.

namespace godwit::research {
namespace {

namespace fs = std::filesystem;
using learn::Correction;
using learn::LearntModel;

struct LearnOptions {
  std::string data;
  bool own = false;
  terminal::StoreOption store;
  std::string output;
};

/// Kept outcomes that teach; all of them, however long ago.
constexpr std::int64_t kAllRecords = 1'000'000;

Result<fs::path> place_for(const LearnOptions& options, const terminal::Context& context) {
  if (!options.output.empty()) return fs::path(options.output);
  return context.places.model();
}

struct Learnt {
  LearntModel model;
  fs::path path;
};

Result<LearntModel> train_from(const LearnOptions& options, const terminal::Context& context) {
  // First of all, so that a library that is not here is known before anything is read.
  GODWIT_TRY(const train::Trainer trainer, train::Trainer::load());
  GODWIT_TRY(const auto rows, read_data_set(options.data));
  std::vector<learn::TrainingExample> examples = learn::training_examples_of(rows);
  std::string source = fmt::format("{} rows of {}", rows.size(),
                                   options.data.empty() ? "godwit's own" : options.data);
  if (options.own) {
    GODWIT_TRY(const auto store, engine::open_store(context.places, options.store.path));
    HistoryQuery all;
    all.limit = kAllRecords;
    GODWIT_TRY(const auto records, store->find(all));
    const std::vector<learn::TrainingExample> own = learn::training_examples_of(records);
    examples.insert(examples.end(), own.begin(), own.end());
    source += fmt::format(", and {} kept outcomes", records.size());
  }
  return train::train_model(trainer, examples, std::move(source));
}

Result<Learnt> learn_from(const LearnOptions& options, const terminal::Context& context) {
  Learnt learnt;
  GODWIT_TRY(learnt.path, place_for(options, context));
  GODWIT_TRY(learnt.model, train_from(options, context));
  std::error_code error;
  fs::create_directories(learnt.path.parent_path(), error);
  // whole or not at all, whoever reads it meanwhile
  const fs::path beside = learnt.path.native() + ".new";
  GODWIT_CHECK_OK(terminal::write_file(beside, json_text(learnt.model.to_json()) + "\n"));
  fs::rename(beside, learnt.path, error);
  if (error) {
    return fail(ErrorCode::kEnvironment,
                fmt::format("'{}' could not be written: {}", learnt.path.native(), error.message()),
                "choose another place with -o");
  }
  return learnt;
}

std::string percent(double logarithm) {
  return fmt::format("{:.1f} %", 100 * std::expm1(logarithm));
}

std::string text_of(const Learnt& learnt) {
  terminal::Table table(
      {"what, of which", "migrations", "the twin is off by", "corrected by", "used"});
  for (const Correction& c : learnt.model.corrections()) {
    table.add({fmt::format("{}, {}", learn::to_string(c.metric), to_string(c.technique)),
               std::to_string(c.examples), percent(c.twin_error), percent(c.error),
               c.better() ? "yes" : "no: the twin is better"});
  }
  return fmt::format(
      "learnt from {} migrations ({}); errors on loads not learnt from\n\n{}\n\nkept in "
      "{}",
      learnt.model.examples(), learnt.model.source(), table.text(), learnt.path.native());
}

Json json_of(const Learnt& learnt) {
  Json corrections = Json::array();
  for (const Correction& c : learnt.model.corrections()) {
    corrections.push_back({{"technique", to_string(c.technique)},
                           {"metric", learn::to_string(c.metric)},
                           {"migrations", c.examples},
                           {"twin_error", c.twin_error},
                           {"error", c.error},
                           {"used", c.better()}});
  }
  return Json{{"model", learnt.path.native()},
              {"migrations", learnt.model.examples()},
              {"source", learnt.model.source()},
              {"corrections", std::move(corrections)}};
}

}  // namespace

void add_learn(terminal::Command& app, terminal::Chosen& chosen) {
  auto options = std::make_shared<LearnOptions>();
  terminal::Command* command = app.add_subcommand(
      "learn", "learn from measured migrations how to correct predictions; predict then does");
  command->add_option("--data", options->data, "folder of a data set (default: godwit's own)")
      ->type_name("DIR");
  command->add_flag("--own", options->own, "and from the outcomes kept here (godwit history)");
  options->store.add_to(*command);
  command
      ->add_option("-o,--output", options->output,
                   "file for what was learnt (default: where predict looks for it)")
      ->type_name("FILE");
  terminal::add_examples(
      *command, {"godwit learn", "godwit learn --own", "godwit learn -o model.json --json"});
  command->callback([&chosen, options] {
    chosen.action = [options](terminal::Context& context) {
      const auto learnt = learn_from(*options, context);
      if (!learnt) return context.out.error(learnt.error());
      context.out.say(text_of(*learnt));
      context.out.result(json_of(*learnt));
      return terminal::kDone;
    };
  });
}

}  // namespace godwit::research
