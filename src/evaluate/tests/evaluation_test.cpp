// Evaluations on migrations whose law is known.

#include "godwit/evaluate/evaluation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "godwit/learn/training_example.h"
#include "godwit/model/dirty_curve.h"
#include "idle_row.h"

namespace godwit::evaluate {
namespace {

constexpr double kRate = 100e6;  ///< bytes a second
constexpr double kPageOnWire = 4104;

/// A guest whose pages written within t grow as t^0.7; `second`: pages of the second round.
dataset::PrecopyRun run_of(const std::string& campaign, double data, double second) {
  dataset::PrecopyRun run;
  run.technique = "vanilla";
  run.workload = "made";
  run.campaign = campaign;
  run.rounds = {PageCount(std::llround(data)), PageCount(std::llround(second))};
  double before = data;
  double pages = second;
  double sent = data + second;
  while (pages * kPageOnWire / kRate > 0.3) {
    const double next = pages * std::pow(pages / before, 0.7);
    before = pages;
    pages = next;
    sent += pages;
    run.rounds.emplace_back(std::llround(pages));
  }
  run.transferred = Bytes(std::llround(sent * kPageOnWire));
  run.total_time = Seconds(sent * kPageOnWire / kRate);
  return run;
}

Score score_of(const Evaluation& evaluation, const std::string& model) {
  const auto scores = score(evaluation.predictions);
  const auto found = std::find_if(scores.begin(), scores.end(),
                                  [&](const Score& score) { return score.model == model; });
  EXPECT_NE(found, scores.end()) << model;
  return found == scores.end() ? Score{} : *found;
}

TEST(EvaluatePrecopyRounds, TheCurveFindsTheLawOfACampaign) {
  std::vector<dataset::PrecopyRun> runs;
  for (const double second : {40e3, 50e3, 60e3, 70e3}) runs.push_back(run_of("one", 250e3, second));
  const Evaluation evaluation = evaluate_precopy_rounds(runs);
  EXPECT_EQ(evaluation.migrations, 4u);
  // but for the last round: with the longest of four nobody knows how many there will be
  EXPECT_LT(*score_of(evaluation, "curve").median_rel, 0.005);
  EXPECT_LT(*score_of(evaluation, "curve+pair").median_rel, 0.005);
  EXPECT_GT(*score_of(evaluation, "history").median_rel, 0.05);
}

TEST(EvaluatePrecopyRounds, ThoseOfTwoRoundsHaveNoRest) {
  auto two = run_of("one", 250e3, 1000);
  ASSERT_EQ(two.rounds.size(), 2u);
  EXPECT_EQ(evaluate_precopy_rounds(std::vector{two, two}).migrations, 0u);
}

TEST(EvaluatePrecopyRounds, AloneInItsCampaignItLearnsFromOthersOfItsTechnique) {
  const std::vector runs{run_of("one", 250e3, 60e3), run_of("two", 500e3, 90e3)};
  EXPECT_EQ(evaluate_precopy_rounds(runs).migrations, 2u);
  auto other = runs;
  other[1].technique = "xbzrle";
  EXPECT_EQ(evaluate_precopy_rounds(other).migrations, 0u) << "nothing to learn from";
}

/// A first pass of 10 s at full rate, then nothing.
dataset::Trace trace_of(const std::string& run, double seconds) {
  dataset::Trace trace;
  trace.scenario = "Made_up";
  trace.run = run;
  trace.ram = Bytes(std::llround(seconds * kRate));
  trace.total_time = Seconds(seconds);
  for (double t = 0.2; t < seconds; t += 0.2) {
    dataset::TraceSample sample;
    sample.total = Seconds(t);
    sample.remaining = Bytes(std::llround((seconds - t) * kRate));
    sample.throughput = BytesPerSecond(kRate);
    sample.syncs = 1;
    trace.samples.push_back(sample);
  }
  return trace;
}

TEST(EvaluateQmpTraces, EachModelSaysWhatIsLeft) {
  const std::vector traces{trace_of("1", 10), trace_of("2", 12), trace_of("3", 80)};
  constexpr std::array kShares{0.25};
  const Evaluation evaluation = evaluate_qmp_traces(traces, kShares);
  EXPECT_EQ(evaluation.migrations, 3u);
  EXPECT_EQ(evaluation.loads, 1u);
  EXPECT_LT(*score_of(evaluation, "remaining/rate at 25 %").p90_rel, 0.001);
  EXPECT_GT(*score_of(evaluation, "history at 25 %").p90_rel, 0.1);
  const auto verdicts = score(evaluation.verdicts);
  ASSERT_EQ(verdicts.size(), 4u);
  EXPECT_EQ(verdicts[0].model, "remaining/rate");
  EXPECT_EQ(verdicts[0].wrong, 0u);
  EXPECT_EQ(verdicts[2].model, "history");
  EXPECT_EQ(verdicts[2].wrong, 1u);
}

TEST(EvaluateForecasts, AlternatingRatesAreKnownToThoseThatRemember) {
  dataset::Trace trace;
  trace.scenario = "Made_up";
  for (int sync = 1; sync <= 60; ++sync) {
    dataset::TraceSample sample;
    sample.syncs = sync;
    sample.dirty_pages_per_s = sync % 2 == 0 ? 100 : 300;
    trace.samples.push_back(sample);
    trace.samples.push_back(sample);  // asked twice between two syncs
  }
  const Evaluation evaluation = evaluate_forecasts(std::vector{trace}, 3);
  EXPECT_EQ(evaluation.migrations, 1u);
  EXPECT_EQ(score_of(evaluation, "last").n, 60u - 35 - 3 + 1);
  EXPECT_LT(*score_of(evaluation, "markov").median_rel, 0.05);
  EXPECT_LT(*score_of(evaluation, "ar1").median_rel, 0.05);
  EXPECT_GT(*score_of(evaluation, "last").median_rel, 0.2);
  EXPECT_TRUE(evaluate_forecasts(std::vector{trace}, 30).predictions.empty())
      << "too short for that";
}

TEST(EvaluateShortWindows, AWriterAtRandomIsToldAndNoStraightLine) {
  auto row = idle_row();
  std::vector<DirtyPoint>& curve = row.profile->dirty_curve;
  curve.clear();
  for (const double window : {0.125, 0.25, 0.5, 1.0, 2.0}) {
    const Bytes written =
        model::uniform_writer(Bytes(10'000'000), BytesPerSecond(60e6), Seconds(window));
    curve.push_back({Seconds(window), written, written, written});
  }
  const Evaluation evaluation = evaluate_short_windows(std::vector{row, row, idle_row()});
  EXPECT_EQ(evaluation.migrations, 2u) << "one profile of two rows counts once";
  const Score told = score_of(evaluation, "told");
  EXPECT_EQ(told.n, 2u) << "one window hidden, and two";
  EXPECT_LT(*told.p90_rel, 0.02);
  EXPECT_EQ(told.coverage90, 1);
  EXPECT_GT(*score_of(evaluation, "straight").median_rel, 0.2);
}

TEST(EvaluateCampaign, EveryModelIsAskedForWhatItKnows) {
  auto postcopy = idle_row();
  postcopy.technique = Technique::kPostcopy;
  const Evaluation evaluation = evaluate_campaign(std::vector{idle_row(), postcopy});
  EXPECT_EQ(evaluation.migrations, 2u);
  EXPECT_LT(*score_of(evaluation, "twin").p90_rel, 0.05);
  EXPECT_EQ(score_of(evaluation, "twin").n, 2u);
  EXPECT_EQ(score_of(evaluation, "ramanathan").n, 1u) << "they know pre-copy";
  EXPECT_EQ(score_of(evaluation, "jin").n, 1u);
  for (const VerdictScore& verdict : score(evaluation.verdicts)) EXPECT_EQ(verdict.wrong, 0u);
}

TEST(EvaluateCampaign, RepeatsShowWhatChanceAloneDoes) {
  std::vector<dataset::CampaignRow> rows(3, idle_row());
  rows[2].total_time = *rows[2].total_time * 1.2;
  auto another = idle_row();
  another.spec = "idle,fill=64MiB";
  rows.push_back(another);
  const Score repeats = score_of(evaluate_campaign(rows), "repeats");
  EXPECT_EQ(repeats.n, 3u) << "one alone has no repeats";
  EXPECT_NEAR(*repeats.median_rel, 0.1, 1e-9);  // 1 of 1.1, twice, and 1.2 of 1
  EXPECT_EQ(repeats.coverage90, std::nullopt);
}

TEST(EvaluateCampaign, WhatDidNotConvergeCountsInTheVerdictAlone) {
  auto row = idle_row();
  row.status = "did_not_converge";
  row.profile->dirty_curve = {{Seconds(1), Bytes(150 << 20), Bytes(140 << 20), Bytes(160 << 20)}};
  const Evaluation evaluation = evaluate_campaign(std::vector{row});
  EXPECT_TRUE(evaluation.predictions.empty());
  const auto verdicts = score(evaluation.verdicts);
  ASSERT_EQ(verdicts.size(), 6u);
  for (const VerdictScore& verdict : verdicts) {
    const bool blind = verdict.model == "remaining/rate";  // it knows of no writes
    EXPECT_EQ(verdict.wrong, blind ? 1u : 0u) << verdict.model;
  }
}

TEST(EvaluateCampaign, ColdOnesDisksAndRowsWithoutAProfileAreLeftOut) {
  auto cold = idle_row();
  cold.technique = Technique::kCold;
  auto storage = idle_row();
  storage.technique.storage = true;
  auto blind = idle_row();
  blind.profile.reset();
  auto broken = idle_row();
  broken.status = "broken";
  EXPECT_EQ(evaluate_campaign(std::vector{cold, storage, blind, broken}).migrations, 0u);
}

TEST(EvaluateCampaign, RowsOfOlderProfilesAreLeftOutWhereTheTwinWouldGuess) {
  auto older = idle_row();
  older.profile->data_by_part.clear();
  auto postcopy = older;  // which sends everything, whatever lies at the end
  postcopy.technique = Technique::kPostcopy;
  const Evaluation evaluation = evaluate_campaign(std::vector{older, postcopy});
  EXPECT_EQ(evaluation.migrations, 1u);
  EXPECT_THAT(evaluation.left_out, testing::ElementsAre(testing::Pair(older.run, 1u)));
  const std::vector<learn::TrainingExample> examples =
      learn::training_examples_of(std::vector{older, postcopy});
  ASSERT_EQ(examples.size(), 1u);
  EXPECT_EQ(examples.front().predicted.technique, Technique::kPostcopy);
}

TEST(EvaluateCampaign, OneRunsRowsAreShownAlone) {
  auto first = idle_row();
  first.run = "7";
  auto second = idle_row();
  second.run = "8";
  second.load = "other";
  auto older = first;
  older.profile->data_by_part.clear();
  const Evaluation all = evaluate_campaign(std::vector{first, second, first, older});
  const auto of_one = of_run(all, "8");
  ASSERT_TRUE(of_one);
  EXPECT_EQ(of_one->migrations, 1u);
  EXPECT_EQ(of_one->loads, 1u);
  EXPECT_EQ(all.left_out.size(), 1u);
  EXPECT_TRUE(of_one->left_out.empty()) << "it was of the other run";
  EXPECT_EQ(score_of(*of_one, "twin").n, 1u);
  EXPECT_EQ(of_run(all, "9").error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace godwit::evaluate
