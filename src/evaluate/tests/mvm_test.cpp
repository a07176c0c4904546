#include <gtest/gtest.h>

#include <algorithm>

#include "godwit/evaluate/evaluation.h"

namespace godwit::evaluate {
namespace {

using dataset::MvmMove;

/// 2 GB at 1 Gbit/s take 20 s in truth and were planned to take 30.
MvmMove move(std::int64_t instance, std::int64_t vm, std::int64_t from, std::int64_t to,
             double planned_start, double real_start, double takes) {
  MvmMove move;
  move.instance = instance;
  move.vm = vm;
  move.from = from;
  move.to = to;
  move.memory = 2000_MB;
  move.planned = 1000_Mbit_per_s;
  move.planned_start = Seconds(planned_start);
  move.planned_end = Seconds(planned_start + 30);
  move.run = 1;
  move.real_start = Seconds(real_start);
  move.real_end = Seconds(real_start + takes);
  return move;
}

Score score_of(const Evaluation& evaluation, const std::string& model, Metric metric) {
  for (const Score& score : score(evaluation.predictions)) {
    if (score.model == model && score.metric == metric && score.technique == "all") return score;
  }
  ADD_FAILURE() << model;
  return {};
}

TEST(Mvm, PlansAreJudgedByWhatOtherInstancesTeach) {
  std::vector<MvmMove> past, judged;
  for (std::int64_t i = 1; i <= 4; ++i) {
    past.push_back(move(i, 0, 0, 1, 0, 0, 20));
    past.push_back(move(i, 1, 0, 1, 30, 20, 20));
  }
  // The second leaves the third's destination: it makes room, though it ends earlier in the plan.
  judged.push_back(move(9, 0, 0, 1, 0, 0, 20));
  judged.push_back(move(9, 1, 1, 2, 30, 20, 20));
  judged.push_back(move(9, 2, 0, 1, 70, 40, 20));
  const Evaluation evaluation = evaluate_mvm(judged, past);
  EXPECT_EQ(evaluation.migrations, 3u);
  const Score duration = score_of(evaluation, "godwit", Metric::kDuration);
  EXPECT_EQ(duration.n, 3u);
  EXPECT_LT(duration.mean_rel, 0.02);
  EXPECT_LT(score_of(evaluation, "godwit", Metric::kMakespan).mean_rel, 0.03);
  EXPECT_NEAR(*score_of(evaluation, "class-median", Metric::kMakespan).mean_rel, 0, 1e-9);
  EXPECT_NEAR(*score_of(evaluation, "mvm", Metric::kDuration).mean_rel, 0.5, 1e-9);
  EXPECT_NEAR(*score_of(evaluation, "mvm", Metric::kMakespan).mean_rel, 100.0 / 60 - 1, 1e-9);
}

TEST(Mvm, WithoutAnotherTableEachInstanceIsPredictedFromOthers) {
  std::vector<MvmMove> moves;
  // The last instance is unlike the others: it must not have been learnt from.
  for (std::int64_t i = 1; i <= 5; ++i) moves.push_back(move(i, 0, 0, 1, 0, 0, i == 5 ? 40 : 20));
  const Evaluation evaluation = evaluate_mvm(moves, {});
  const auto last = std::find_if(
      evaluation.predictions.begin(), evaluation.predictions.end(), [](const auto& prediction) {
        return prediction.model == "class-median" && prediction.load == "instance 5";
      });
  ASSERT_NE(last, evaluation.predictions.end());
  EXPECT_NEAR(last->predicted.value.p50, 20, 1e-9);
}

TEST(Mvm, NothingToJudgeIsNoFault) {
  EXPECT_TRUE(evaluate_mvm({}, {}).predictions.empty());
}

}  // namespace
}  // namespace godwit::evaluate
