#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "cdf_plot.h"
#include "data_set.h"
#include "godwit/base/log.h"
#include "godwit/dataset/dirty_rates.h"
#include "godwit/dataset/mvm_executions.h"
#include "godwit/dataset/openstack_profiles.h"
#include "godwit/dataset/precopy_rounds.h"
#include "godwit/dataset/qmp_traces.h"
#include "godwit/evaluate/evaluation.h"
#include "godwit/research/commands.h"
#include "godwit/store/gzip.h"
#include "godwit/terminal/progress_bar.h"
#include "godwit/terminal/shipped_files.h"
#include "godwit/terminal/table.h"
#include "godwit/terminal/write_file.h"
#include "godwit/train/trainer.h"

/// `evaluate`: errors of every model over migrations that were measured.

namespace godwit::research {
namespace {

using evaluate::Evaluation;
using evaluate::Score;

struct EvaluateOptions {
  std::string dataset = "campaign";
  std::string file;
  std::string train;
  std::string plot;
  std::string run;
  bool by_load = false;
  bool quick = false;
  bool learning_curve = false;
};

/// An evaluation, summed up.
struct Summed {
  Evaluation evaluation;
  std::vector<Score> techniques;
  std::vector<Score> loads;
  std::vector<evaluate::VerdictScore> verdicts;
};

/// Shares of a trace after which the rest is predicted.
constexpr std::array kShares{0.1, 0.25, 0.5};
/// Syncs over which dirty rates are forecast.
constexpr std::size_t kSyncsAhead = 20;

void append(Evaluation& evaluation, const Evaluation& more) {
  evaluation.predictions.insert(evaluation.predictions.end(), more.predictions.begin(),
                                more.predictions.end());
  evaluation.verdicts.insert(evaluation.verdicts.end(), more.verdicts.begin(), more.verdicts.end());
}

/// Tells how far what learns has come; false: it is to stop.
class LearningBar {
 public:
  explicit LearningBar(terminal::Context& context)
      : context_(context),
        bar_(context.clock, context.out.bar_stream()),
        start_(context.clock.now()) {}
  LearningBar(const LearningBar&) = delete;
  LearningBar& operator=(const LearningBar&) = delete;
  ~LearningBar() { bar_.clear(); }

  bool operator()(double share) {
    const Seconds left = (context_.clock.now() - start_) * (1 / share - 1);
    bar_.draw(share, left, "learning and judging");
    return !context_.stop.stop_requested();
  }

 private:
  terminal::Context& context_;
  terminal::ProgressBar bar_;
  TimePoint start_;
};

/// With all models, or, where `trainer` is absent, without those that learn, which take minutes.
Result<Evaluation> evaluate_models(const std::optional<train::Trainer>& trainer,
                                   const std::vector<dataset::CampaignRow>& campaign,
                                   terminal::Context& context) {
  Evaluation evaluation = evaluate::evaluate_campaign(campaign);
  if (!trainer) return evaluation;
  const auto learnt = [&] {
    LearningBar bar(context);
    return evaluate::evaluate_learnt(*trainer, campaign, std::ref(bar));
  }();
  if (!learnt && learnt.error().code == ErrorCode::kBadInput) {
    log::warning("without the models that learn: {}", learnt.error().message);
    return evaluation;
  }
  if (!learnt) return fail(learnt.error());
  append(evaluation, *learnt);
  evaluation.split += "; the other models " + learnt->split;
  return evaluation;
}

/// Nothing for --quick. What is missing is known before anything is evaluated.
Result<std::optional<train::Trainer>> trainer_for(const EvaluateOptions& options) {
  if (options.quick) return std::optional<train::Trainer>();
  auto trainer = train::Trainer::load();
  if (trainer) return std::optional(std::move(*trainer));
  if (!options.learning_curve) {
    trainer.error().what_to_do += "; or evaluate without the models that learn: --quick";
  }
  return fail(trainer.error());
}

Result<Evaluation> evaluate_campaign(const EvaluateOptions& options, terminal::Context& context) {
  GODWIT_TRY(const auto campaign, read_data_set(options.file));
  GODWIT_TRY(const auto trainer, trainer_for(options));
  if (options.learning_curve) {
    LearningBar bar(context);
    return evaluate::learning_curve(*trainer, campaign, std::ref(bar));
  }
  GODWIT_TRY(Evaluation evaluation, evaluate_models(trainer, campaign, context));
  if (options.run.empty()) return evaluation;
  return evaluate::of_run(evaluation, options.run);
}

/// How far ahead dirty rates are forecast: as in Ramanathan's tables.
constexpr std::array kHorizons{Seconds(10), Seconds(30), Seconds(60)};

Result<Evaluation> evaluate_dirty_rates(const std::string& file) {
  GODWIT_TRY(const std::string text,
             terminal::read_text(file, "record dirty rates with tools/record_dirty_rates"));
  GODWIT_TRY(const auto rates, dataset::read_dirty_rates(text));
  return evaluate::evaluate_dirty_rates(rates, kHorizons);
}

Result<std::vector<dataset::MvmMove>> read_mvm(const std::string& file) {
  GODWIT_TRY(const std::string text, store::read_gzip(file));
  return dataset::read_mvm_executions(text);
}

/// Without a table to learn from, each instance is predicted from others of the same one.
Result<Evaluation> evaluate_mvm(const EvaluateOptions& options) {
  GODWIT_TRY(const auto judged, read_mvm(options.file));
  if (options.train.empty()) return evaluate::evaluate_mvm(judged, {});
  GODWIT_TRY(const auto past, read_mvm(options.train));
  return evaluate::evaluate_mvm(judged, past);
}

Result<Evaluation> evaluate(const EvaluateOptions& options, terminal::Context& context) {
  if (!options.train.empty() && options.dataset != "mvm") {
    return fail(ErrorCode::kBadInput, fmt::format("--train is of mvm, not of {}", options.dataset),
                "leave it out: the other sets are divided into parts that learn and are judged");
  }
  if (options.dataset == "campaign") return evaluate_campaign(options, context);
  if (options.learning_curve || !options.run.empty()) {
    return fail(
        ErrorCode::kBadInput,
        fmt::format("--run and --learning-curve are of the campaign, not of {}", options.dataset),
        "leave them out, or --dataset");
  }
  if (options.dataset == "short-windows") {
    GODWIT_TRY(const auto campaign, read_data_set(options.file));
    return evaluate::evaluate_short_windows(campaign);
  }
  if (options.file.empty()) {
    return fail(ErrorCode::kBadInput, "no FILE is given", "name the table, gzipped CSV");
  }
  if (options.dataset == "dirty-rates") return evaluate_dirty_rates(options.file);
  if (options.dataset == "mvm") return evaluate_mvm(options);
  GODWIT_TRY(const std::string text, store::read_gzip(options.file));
  if (options.dataset == "precopy-rounds") {
    GODWIT_TRY(const auto runs, dataset::read_precopy_rounds(text));
    return evaluate::evaluate_precopy_rounds(runs);
  }
  if (options.dataset == "openstack-profiles") {
    GODWIT_TRY(const auto runs, dataset::read_openstack_profiles(text));
    GODWIT_TRY(const train::Trainer trainer, train::Trainer::load());
    return evaluate::evaluate_openstack(trainer, runs);
  }
  GODWIT_TRY(const auto traces, dataset::read_qmp_traces(text));
  Evaluation evaluation = evaluate::evaluate_qmp_traces(traces, kShares);
  append(evaluation, evaluate::evaluate_forecasts(traces, kSyncsAhead));
  return evaluation;
}

Result<Summed> sum_up(const EvaluateOptions& options, terminal::Context& context) {
  Summed summed;
  GODWIT_TRY(summed.evaluation, evaluate(options, context));
  const auto& predictions = summed.evaluation.predictions;
  summed.techniques = evaluate::score(predictions);
  const bool parts_of_a_whole = !options.learning_curve && options.dataset != "short-windows";
  if (!parts_of_a_whole) {
    std::erase_if(summed.techniques, [](const Score& score) { return score.technique == "all"; });
  } else if (options.dataset == "mvm") {  // all are by one technique
    std::erase_if(summed.techniques, [](const Score& score) { return score.technique != "all"; });
  } else {
    summed.loads = evaluate::score_by_load(predictions);
  }
  summed.verdicts = evaluate::score(summed.evaluation.verdicts);
  if (!options.plot.empty())
    GODWIT_CHECK_OK(terminal::write_file(options.plot, cdf_svg(predictions)));
  return summed;
}

// --- for people ---

std::string percent(std::optional<double> share) {
  return share ? fmt::format("{:.1f} %", *share * 100) : std::string("–");
}

std::string error_text(const Score& score, std::optional<double> relative, double absolute) {
  if (!evaluate::is_relative(score.metric)) return evaluate::error_text(score.metric, absolute);
  return relative ? evaluate::error_text(score.metric, *relative) : "–";
}

std::string scores_text(const std::vector<Score>& scores) {
  terminal::Table table(
      {"what, of which, by", "n", "mean", "median", "p90", "90 % interval holds", "of width"});
  for (const Score& score : scores) {
    table.add(
        {fmt::format("{}, {}, {}", learn::to_string(score.metric), score.technique, score.model),
         std::to_string(score.n), error_text(score, score.mean_rel, score.mean_abs),
         error_text(score, score.median_rel, score.median_abs),
         error_text(score, score.p90_rel, score.p90_abs), percent(score.coverage90),
         score.width90_abs ? error_text(score, score.width90_rel, *score.width90_abs) : "–"});
  }
  return table.text();
}

/// How often what was said came true, by how likely it was said to be.
std::string calibration_text(const evaluate::VerdictScore& verdict) {
  terminal::Table table({"said to converge by " + verdict.model, "n", "said", "came"});
  for (std::size_t i = 0; i < verdict.calibration.size(); ++i) {
    const evaluate::CalibrationBin& bin = verdict.calibration[i];
    table.add({fmt::format("{}…{} %", i * 10, (i + 1) * 10), std::to_string(bin.n),
               percent(bin.n > 0 ? std::optional(bin.said) : std::nullopt),
               percent(bin.n > 0 ? std::optional(bin.came) : std::nullopt)});
  }
  return table.text();
}

std::size_t left_out(const Evaluation& evaluation) {
  std::size_t all = 0;
  for (const auto& [run, count] : evaluation.left_out) all += count;
  return all;
}

std::string text_of(const Summed& summed, bool by_load) {
  const Evaluation& evaluation = summed.evaluation;
  std::string text =
      fmt::format("{} migrations, {} loads; {}\n\n{}", evaluation.migrations, evaluation.loads,
                  evaluation.split, scores_text(by_load ? summed.loads : summed.techniques));
  if (const std::size_t others = left_out(evaluation); others > 0) {
    text += fmt::format(
        "\n{} more are not judged: their profiles do not say what lies at the end of RAM", others);
  }
  for (const evaluate::VerdictScore& verdict : summed.verdicts) {
    text += fmt::format("\nverdict by {}: wrong in {} of {}; Brier score {:.3f}, log loss {:.3f}",
                        verdict.model, verdict.wrong, verdict.n, verdict.brier, verdict.log_loss);
  }
  const auto& verdicts = summed.verdicts;
  const auto twin = std::find_if(verdicts.begin(), verdicts.end(),
                                 [](const auto& verdict) { return verdict.model == "twin"; });
  if (twin != verdicts.end()) text += "\n\n" + calibration_text(*twin);
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
              {"mean_abs", score.mean_abs},
              {"median_abs", score.median_abs},
              {"p90_abs", score.p90_abs},
              {"coverage90", or_null(score.coverage90)},
              {"width90_rel", or_null(score.width90_rel)},
              {"width90_abs", or_null(score.width90_abs)}};
}

Json json_of(const EvaluateOptions& options, const Summed& summed) {
  const Evaluation& evaluation = summed.evaluation;
  Json rows = Json::array();
  for (const Score& score : summed.techniques) rows.push_back(json_of(score));
  Json loads = Json::array();
  for (const Score& score : summed.loads) {
    if (score.technique == "all") continue;
    Json row = json_of(score);
    row["load"] = row["technique"];
    row["technique"] = "all";
    loads.push_back(std::move(row));
  }
  Json verdicts = Json::array();
  for (const evaluate::VerdictScore& verdict : summed.verdicts) {
    Json bins = Json::array();
    for (const evaluate::CalibrationBin& bin : verdict.calibration) {
      bins.push_back({{"n", bin.n}, {"said", bin.said}, {"came", bin.came}});
    }
    verdicts.push_back({{"model", verdict.model},
                        {"n", verdict.n},
                        {"wrong", verdict.wrong},
                        {"brier", verdict.brier},
                        {"log_loss", verdict.log_loss},
                        {"calibration", std::move(bins)}});
  }
  return Json{{"rows", std::move(rows)},
              {"loads", std::move(loads)},
              {"verdict", std::move(verdicts)},
              {"data",
               {{"source", options.dataset},
                {"rows", evaluation.migrations},
                {"loads", evaluation.loads},
                {"left_out", left_out(evaluation)},
                {"split", evaluation.split}}}};
}

}  // namespace

void add_evaluate(terminal::Command& app, terminal::Chosen& chosen) {
  auto options = std::make_shared<EvaluateOptions>();
  terminal::Command* command =
      app.add_subcommand("evaluate", "errors of every model over migrations that were measured");
  command->add_option("--dataset", options->dataset, "which kind of table it is")
      ->one_of({"campaign", "short-windows", "precopy-rounds", "qmp-traces", "openstack-profiles",
                "dirty-rates", "mvm"})
      ->capture_default_str();
  command->add_option(
      "FILE", options->file,
      "the table, gzipped CSV; for campaign and short-windows the campaign's folder "
      "(default: godwit's own)");
  command
      ->add_option("--train", options->train,
                   "of mvm: another table to learn from (default: other instances of FILE)")
      ->type_name("FILE");
  const auto plot =
      command->add_option("--plot", options->plot,
                          "also draw how large errors are, per technique and metric, into an SVG");
  plot->type_name("FILE");
  const auto quick = command->add_flag(
      "--quick", options->quick, "of campaign: without the models that learn, which take minutes");
  const auto by_load =
      command->add_flag("--by-load", options->by_load, "a table by load instead of by technique");
  const auto run = command->add_option("--run", options->run,
                                       "of campaign: show the errors on one run's rows alone");
  run->type_name("NUMBER");
  command
      ->add_flag("--learning-curve", options->learning_curve,
                 "of campaign: errors of twin+residual by how many migrations it learnt from")
      ->excludes({plot, quick, by_load, run});
  terminal::add_examples(
      *command, {"godwit evaluate --plot errors.svg", "godwit evaluate --quick --by-load",
                 "godwit evaluate --quick --run 338203322", "godwit evaluate --learning-curve",
                 "godwit evaluate --dataset short-windows",
                 "godwit evaluate --dataset precopy-rounds precopy_rounds.csv.gz",
                 "godwit evaluate --dataset qmp-traces qmp_traces_200ms.csv.gz --json",
                 "godwit evaluate --dataset mvm mvm_executions.csv.gz"});
  command->callback([&chosen, options] {
    chosen.action = [options](terminal::Context& context) {
      auto summed = sum_up(*options, context);
      if (!summed && summed.error().what_to_do.empty()) {
        summed.error().what_to_do =
            "give a table of the kind that --dataset names (docs/research/public-data.md)";
      }
      if (!summed)
        return context.out.error(summed.error().while_doing("evaluating " + options->dataset));
      context.out.say(text_of(*summed, options->by_load));
      context.out.result(json_of(*options, *summed));
      return terminal::kDone;
    };
  });
}

}  // namespace godwit::research
