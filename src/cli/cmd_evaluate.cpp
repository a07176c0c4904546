#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <array>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "command.h"
#include "godwit/dataset/campaign.h"
#include "godwit/dataset/precopy_rounds.h"
#include "godwit/dataset/qmp_traces.h"
#include "godwit/learn/evaluation.h"
#include "godwit/store/gzip.h"
#include "shipped_files.h"
#include "table.h"

/// `evaluate`: errors of every model over migrations that were measured.

namespace godwit::cli {
namespace {

using learn::Evaluation;
using learn::Metric;
using learn::Score;

struct EvaluateOptions {
  std::string dataset = "campaign";
  std::string file;
};

/// Shares of a trace after which the rest is predicted.
constexpr std::array kShares{0.1, 0.25, 0.5};
/// Syncs over which dirty rates are forecast.
constexpr std::size_t kSyncsAhead = 20;

/// The folder's two files, or those beside the program.
Result<Evaluation> evaluate_campaign(const std::string& folder) {
  const std::filesystem::path data =
      folder.empty() ? beside_program("../data", "data") : std::filesystem::path(folder);
  GODWIT_TRY(const std::string rows, store::read_gzip(data / "migrations.csv.gz"));
  GODWIT_TRY(const std::string profiles, store::read_gzip(data / "profiles.jsonl.gz"));
  GODWIT_TRY(const auto campaign, dataset::read_campaign(rows, profiles));
  return learn::evaluate_campaign(campaign);
}

Result<Evaluation> evaluate(const EvaluateOptions& options) {
  if (options.dataset == "campaign") return evaluate_campaign(options.file);
  if (options.file.empty()) {
    return fail(ErrorCode::kBadInput, "no FILE is given", "name the table, gzipped CSV");
  }
  GODWIT_TRY(const std::string text, store::read_gzip(options.file));
  if (options.dataset == "precopy-rounds") {
    GODWIT_TRY(const auto runs, dataset::read_precopy_rounds(text));
    return learn::evaluate_precopy_rounds(runs);
  }
  GODWIT_TRY(const auto traces, dataset::read_qmp_traces(text));
  Evaluation evaluation = learn::evaluate_qmp_traces(traces, kShares);
  const Evaluation forecasts = learn::evaluate_forecasts(traces, kSyncsAhead);
  evaluation.judged.insert(evaluation.judged.end(), forecasts.judged.begin(),
                           forecasts.judged.end());
  return evaluation;
}

// --- for people ---

std::string percent(std::optional<double> share) {
  return share ? fmt::format("{:.1f} %", *share * 100) : std::string("–");
}

/// Downtimes in ms, others relative.
std::string error_text(const Score& score, std::optional<double> relative, double absolute) {
  const bool downtime = score.metric == Metric::kDowntimeQemu ||
                        score.metric == Metric::kDowntimeEvents ||
                        score.metric == Metric::kDowntimeProbe;
  return downtime ? fmt::format("{:.0f} ms", absolute) : percent(relative);
}

std::string scores_text(const std::vector<Score>& scores) {
  Table table({"what, of which, by", "n", "median", "p90", "90 % interval holds"});
  for (const Score& score : scores) {
    table.add(
        {fmt::format("{}, {}, {}", learn::to_string(score.metric), score.technique, score.model),
         std::to_string(score.n), error_text(score, score.median_rel, score.median_abs),
         error_text(score, score.p90_rel, score.p90_abs), percent(score.coverage90)});
  }
  return table.text();
}

std::string text_of(const Evaluation& evaluation, const std::vector<Score>& scores) {
  std::string text = fmt::format("{} migrations, {} loads; {}\n\n{}", evaluation.migrations,
                                 evaluation.loads, evaluation.split, scores_text(scores));
  for (const learn::VerdictScore& verdict : learn::score(evaluation.verdicts)) {
    text +=
        fmt::format("\nverdict by {}: wrong in {} of {}", verdict.model, verdict.wrong, verdict.n);
  }
  return text;
}

// --- for programs ---

Json json_of(const Score& score) {
  const auto or_null = [](std::optional<double> value) { return value ? Json(*value) : Json(); };
  return Json{{"model", score.model},
              {"technique", score.technique},
              {"metric", learn::to_string(score.metric)},
              {"n", score.n},
              {"mean_rel", or_null(score.mean_rel)},
              {"median_rel", or_null(score.median_rel)},
              {"p90_rel", or_null(score.p90_rel)},
              {"median_abs", score.median_abs},
              {"p90_abs", score.p90_abs},
              {"coverage90", or_null(score.coverage90)}};
}

Json json_of(const EvaluateOptions& options, const Evaluation& evaluation,
             const std::vector<Score>& scores) {
  Json rows = Json::array();
  for (const Score& score : scores) rows.push_back(json_of(score));
  Json verdicts = Json::array();
  for (const learn::VerdictScore& verdict : learn::score(evaluation.verdicts)) {
    verdicts.push_back({{"model", verdict.model}, {"n", verdict.n}, {"wrong", verdict.wrong}});
  }
  return Json{{"rows", std::move(rows)},
              {"verdict", std::move(verdicts)},
              {"data",
               {{"source", options.dataset},
                {"rows", evaluation.migrations},
                {"loads", evaluation.loads},
                {"split", evaluation.split}}}};
}

}  // namespace

void add_evaluate(CLI::App& app, Chosen& chosen) {
  auto options = std::make_shared<EvaluateOptions>();
  CLI::App* command =
      app.add_subcommand("evaluate", "errors of every model over migrations that were measured");
  command->add_option("--dataset", options->dataset, "which kind of table it is")
      ->check(CLI::IsMember({"campaign", "precopy-rounds", "qmp-traces"}))
      ->capture_default_str();
  command->add_option("FILE", options->file,
                      "the table, gzipped CSV; for campaign its folder (default: godwit's own)");
  add_examples(*command,
               {"godwit evaluate", "godwit evaluate --dataset precopy-rounds precopy_rounds.csv.gz",
                "godwit evaluate --dataset qmp-traces qmp_traces_200ms.csv.gz --json"});
  command->callback([&chosen, options] {
    chosen.action = [options](Context& context) {
      auto evaluation = evaluate(*options);
      if (!evaluation && evaluation.error().what_to_do.empty()) {
        evaluation.error().what_to_do =
            "give a table of the kind that --dataset names (docs/public-data.md)";
      }
      if (!evaluation)
        return context.out.error(evaluation.error().while_doing("evaluating " + options->dataset));
      const std::vector<Score> scores = learn::score(evaluation->judged);
      context.out.say(text_of(*evaluation, scores));
      context.out.result(json_of(*options, *evaluation, scores));
      return kDone;
    };
  });
}

}  // namespace godwit::cli
