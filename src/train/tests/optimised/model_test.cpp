// What is learnt of hundreds of migrations.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "examples.h"
#include "godwit/train/model.h"
#include "godwit/twin/predictor.h"
#include "trained.h"

namespace godwit::train {
namespace {

using learn::Correction;
using learn::LearntModel;
using learn::Metric;
using learn::reference_twin;
using learn::TrainingExample;
using testing::HasSubstr;

const Correction& of(const LearntModel& model, Metric metric) {
  for (const Correction& one : model.corrections()) {
    if (one.metric == metric) return one;
  }
  throw std::logic_error("nothing was learnt of that");
}

TEST(LearntModel, CorrectsWhatTheTwinDoesNotKnow) {
  const auto all = examples(240);
  const std::vector<TrainingExample> first(all.begin(), all.begin() + 180);
  const auto model = train_model(trainer(), first, "a test");
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_TRUE(of(*model, Metric::kTotalTime).better());
  double twin_error = 0;
  double error = 0;
  double width = 0;
  int inside = 0;
  for (std::size_t i = 180; i < all.size(); ++i) {
    const auto twin =
        *reference_twin(all[i].profile, kLink, model->pair())->predict(Technique::kPrecopy);
    const auto said = model->correct(all[i].profile, kLink, twin, twin);
    const double actual = all[i].total_time->count();
    twin_error += std::abs(twin.total_time->p50.count() / actual - 1);
    error += std::abs(said.total_time->p50.count() / actual - 1);
    width += (said.total_time->p95 - said.total_time->p05) / *all[i].total_time / 60;
    inside += said.total_time->p05.count() <= actual && actual <= said.total_time->p95.count();
    const bool unlike = model->distance(all[i].profile, kLink, twin) > 1;
    EXPECT_EQ(said.model, unlike ? "twin" : "twin+residual");
  }
  EXPECT_LT(error, twin_error / 2);
  EXPECT_GE(inside, 48) << "of 60, at a nominal 90 %";
  EXPECT_LT(width, 0.6) << "no wider than the step that there was to learn, either way";
}

TEST(LearntModel, LeavesTheTwinAloneWhereItIsNotBetter) {
  auto all = examples(120);
  Rng chance(3);  // bytes differ from the twin's for no reason that any feature tells
  for (TrainingExample& example : all)
    example.transferred = *example.transferred * Ratio(0.9 + 0.2 * chance.uniform());
  const auto model = train_model(trainer(), all, "a test");
  ASSERT_TRUE(model);
  ASSERT_FALSE(of(*model, Metric::kTransferred).better());
  ASSERT_TRUE(of(*model, Metric::kTotalTime).better()) << "or nothing would be corrected anyway";
  const GuestProfile& profile = all.front().profile;
  const auto twin = *reference_twin(profile, kLink, model->pair())->predict(Technique::kPrecopy);
  const auto said = model->correct(profile, kLink, twin, twin);
  ASSERT_EQ(said.model, "twin+residual");
  EXPECT_NEAR(said.transferred->p50.as_double(), twin.transferred->p50.as_double(), 2);
  EXPECT_NE(said.total_time->p50, twin.total_time->p50);
  EXPECT_EQ(said.slowdown, twin.slowdown) << "nobody measured it";
  EXPECT_EQ(said.rounds, twin.rounds);
}

TEST(LearntModel, SaysWhenAGuestIsUnlikeAllItLearntFrom) {
  const auto model = train_model(trainer(), examples(120), "a test");
  ASSERT_TRUE(model);
  Rng rng(5);
  GuestProfile giant = guest(rng);
  giant.ram = 64_GiB;
  const Link fast{BytesPerSecond(5e9), {}};
  const auto twin = *twin::Predictor::make(giant, fast)->predict(Technique::kPrecopy);
  EXPECT_GT(model->distance(giant, fast, twin), 1);
  const auto said = model->correct(giant, fast, twin, twin);
  EXPECT_THAT(said.why, HasSubstr("unlike"));
  EXPECT_EQ(said.model, "twin");
  EXPECT_NEAR(said.total_time->p50 / twin.total_time->p50, 1, 1e-6);
  const GuestProfile usual = examples(1).front().profile;
  const auto known = *reference_twin(usual, kLink, model->pair())->predict(Technique::kPrecopy);
  EXPECT_LE(model->distance(usual, kLink, known), 1);
}

TEST(LearntModel, AMigrationThatDoesNotConvergeIsNotCorrected) {
  const auto model = train_model(trainer(), examples(60), "a test");
  TechniquePrediction never;
  never.why = "the guest writes faster";
  Rng rng(5);
  EXPECT_EQ(model->correct(guest(rng), kLink, never, never), never);
}

TEST(LearntModel, KnowsWhatThePairOfHostsIsLike) {
  auto slow = examples(120);
  for (TrainingExample& example : slow) {
    example.total_time = example.predicted.total_time->p50 * 1.25;
    example.downtime.events = example.predicted.downtime.events->p50 + Seconds(0.2);
  }
  const auto model = train_model(trainer(), slow, "a test");
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_NEAR(model->pair().rate.value(), 0.8, 0.01);
  EXPECT_GT(model->pair().resume.p50, Seconds(0.1));
  const TrainingExample& one = slow.front();
  const auto twin =
      *reference_twin(one.profile, kLink, model->pair())->predict(Technique::kPrecopy);
  EXPECT_NEAR(twin.total_time->p50 / *one.total_time, 1, 0.03);
}

TEST(LearntModel, IsWhatItWasAfterAFile) {
  const auto model = train_model(trainer(), examples(60), "a test");
  ASSERT_TRUE(model);
  const auto again = LearntModel::from_json(Json::parse(model->to_json().dump()));
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again->to_json(), model->to_json());
  const TrainingExample example = examples(1).front();
  EXPECT_EQ(again->correct(example.profile, kLink, example.predicted, example.predicted),
            model->correct(example.profile, kLink, example.predicted, example.predicted));
}

}  // namespace
}  // namespace godwit::train
