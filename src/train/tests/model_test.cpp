#include "godwit/train/model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "godwit/base/rng.h"
#include "godwit/learn/reference_twin.h"
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

const Link kLink{BytesPerSecond(50e6), {}};

GuestProfile guest(Rng& rng) {
  GuestProfile profile;
  profile.ram = 512_MiB;
  profile.zero_share = Ratio(0.2 + 0.6 * rng.uniform());
  profile.data_by_part.assign(32, Ratio(1 - profile.zero_share.value()));
  const double set = 5e6 + 40e6 * rng.uniform();
  const double rate = 1e6 + 15e6 * rng.uniform();
  for (const double t : {0.125, 0.25, 0.5, 1.0, 2.0}) {
    const Bytes unique(std::llround(set * -std::expm1(-rate * t / set)));
    profile.dirty_curve.push_back({Seconds(t), unique, unique * Ratio(0.95), unique * Ratio(1.05)});
  }
  profile.vcpu_use = rng.uniform();
  return profile;
}

/// A host on which a guest that uses its vCPU takes longer than the twin knows, and all else is as
/// the twin says, but for chance.
std::vector<TrainingExample> examples(int count) {
  Rng rng(11);
  std::vector<TrainingExample> all;
  for (int i = 0; i < count; ++i) {
    TrainingExample example;
    example.profile = guest(rng);
    example.link = kLink;
    example.predicted = *reference_twin(example.profile, kLink, {})->predict(Technique::kPrecopy);
    example.load = std::string(1, static_cast<char>('a' + i % 6));
    const double slower = *example.profile.vcpu_use > 0.5 ? 1.3 : 1.0;
    const double chance = 1 + 0.02 * (rng.uniform() - 0.5);
    example.total_time = example.predicted.total_time->p50 * slower * chance;
    example.transferred = example.predicted.transferred->p50;
    example.downtime.events = example.predicted.downtime.events->p50;
    all.push_back(std::move(example));
  }
  return all;
}

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

TEST(LearntModel, TooFewExamplesOrOneLoadTeachNothing) {
  EXPECT_FALSE(train_model(trainer(), examples(20), "a test"));
  auto same = examples(60);
  for (TrainingExample& example : same) example.load = "one";
  EXPECT_FALSE(train_model(trainer(), same, "a test"));
  EXPECT_FALSE(train_model(trainer(), {}, "a test"));
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

TEST(LearntModel, AFileThatIsNotJustRightIsRefused) {
  const Json whole = train_model(trainer(), examples(60), "a test")->to_json();
  const auto refused = [](const Json& json) {
    const auto model = LearntModel::from_json(json);
    return model ? std::string() : model.error().message + model.error().what_to_do.text();
  };
  EXPECT_THAT(refused(Json::array()), HasSubstr("godwit learn"));
  Json other = whole;
  other["version"] = 99;
  EXPECT_THAT(refused(other), HasSubstr("version 99"));
  Json swapped = whole;
  std::swap(swapped["features"][0], swapped["features"][1]);
  EXPECT_THAT(refused(swapped), HasSubstr("another order"));
  for (const auto& [key, value] : whole.items()) {
    Json torn = whole;
    torn.erase(key);
    EXPECT_NE(refused(torn), "") << key;
  }
  EXPECT_NE(refused(Json{{"what", 5}}), "");
  Json narrow = whole;
  narrow["applicability_domain"]["rows"][0].erase(0);
  EXPECT_NE(refused(narrow), "");
}

}  // namespace
}  // namespace godwit::train
