#include "godwit/advise/advise.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <utility>
#include <vector>

#include "godwit/base/rng.h"
#include "question.h"

namespace godwit::advise {
namespace {

using ::testing::HasSubstr;

constexpr auto kCalm = 5_MB_per_s;
constexpr auto kBusy = 200_MB_per_s;  // never converges at 50 MB/s

TEST(Advise, PredictsAllTechniquesThatItCanByDefault) {
  const auto advised = answer(question(kCalm));
  EXPECT_EQ(advised.prediction.predictions.size(), 7u);
  for (const auto t :
       {Technique::kPrecopy, Technique::kPostcopy, Technique::kHybrid, Technique::kStopAndCopy,
        Technique::kAutoConverge, Technique::kXbzrle, Technique::kMultifd}) {
    EXPECT_NE(find(advised.prediction, t), nullptr) << to_string(t);
  }
  // compressing needs to know what pages hold
  auto known = question(kCalm);
  known.profile.contents =
      PageContents{PageCount(100), Ratio(0.5), Ratio(0.5), Seconds(5e-5), Seconds(1e-5), 4};
  EXPECT_EQ(answer(known).prediction.predictions.size(), 9u);
}

TEST(Advise, OffersWhatBothSidesCanDo) {
  auto q = question(kCalm);
  q.possible = CapabilitySet{Capability::kXbzrle, Capability::kCompress};
  const auto advised = answer(q);
  EXPECT_EQ(find(advised.prediction, Technique::kMultifd), nullptr);
  EXPECT_EQ(find(advised.prediction, Technique::kPostcopy), nullptr);
  EXPECT_NE(find(advised.prediction, Technique::kXbzrle), nullptr);
  EXPECT_EQ(advised.prediction.predictions.size(), 3u) << "and nobody knows what its pages hold";
}

/// The busy guest when it writes for two seconds and rests for two.
Question in_phases(Intent intent) {
  Question q = question(kBusy, intent);
  q.draws = 200;
  WriteTrace trace{Seconds(0.125), 64, PageCount(512), {}};
  Rng rng(1);
  for (int i = 0; i < 128; ++i) {
    std::vector<bool> page;
    for (int slot = 0; slot < trace.slots; ++slot) {
      page.push_back(slot / 16 % 2 == 0 && rng.uniform() < 0.2);
    }
    trace.changed.push_back(std::move(page));
  }
  q.profile.write_trace = std::move(trace);
  return q;
}

TEST(Advise, WhatIsChanceForAGuestInPhasesIsNotPromised) {
  Intent intent;
  intent.max_time = Seconds(12);
  const Question q = in_phases(intent);
  const auto advised = answer(q);
  const TechniquePrediction* precopy = find(advised.prediction, Technique::kPrecopy);
  ASSERT_TRUE(precopy != nullptr && precopy->converges_probability);
  EXPECT_GT(precopy->converges_probability->value(), 0.05);
  EXPECT_LT(precopy->converges_probability->value(), 0.9);
  ASSERT_TRUE(advised.plan && advised.plan->converges_probability);
  EXPECT_GE(advised.plan->converges_probability->value(), 0.9);
  // The same guest, if it were taken for a steady one, would never end by pre-copy.
  Question steady = q;
  steady.profile.write_trace.reset();
  EXPECT_LT(find(answer(steady).prediction, Technique::kPrecopy)->converges_probability->value(),
            0.05);
}

TEST(Advise, ACalmGuestIsPrecopiedWithTheSmallestLimitThatConverges) {
  const auto advised = answer(question(kCalm));
  ASSERT_TRUE(advised.prediction.advice);
  EXPECT_EQ(advised.prediction.advice->technique, Technique::kPrecopy);
  EXPECT_EQ(advised.prediction.advice->parameters.downtime_limit, Seconds(0.02));
  EXPECT_EQ(advised.plan->parameters, advised.prediction.advice->parameters);
  EXPECT_THAT(advised.prediction.advice->why, HasSubstr("20 ms"));
  EXPECT_FALSE(advised.refusal);
  // the table still shows QEMU's default
  EXPECT_EQ(find(advised.prediction, Technique::kPrecopy)->parameters.downtime_limit, Seconds(0.3));
}

TEST(Advise, KeepsADowntimeLimitThatTheUserFixed) {
  auto q = question(kCalm);
  q.parameters.downtime_limit = Seconds(0.25);
  EXPECT_EQ(answer(q).prediction.advice->parameters.downtime_limit, Seconds(0.25));
}

TEST(Advise, ABusyGuestGoesByPostcopyUnlessForbidden) {
  const auto advised = answer(question(kBusy));
  EXPECT_FALSE(find(advised.prediction, Technique::kPrecopy)->converges);
  EXPECT_TRUE(uses_postcopy(advised.prediction.advice->technique));

  Intent careful;
  careful.no_postcopy = true;
  const auto throttled = answer(question(kBusy, careful));
  EXPECT_EQ(throttled.prediction.advice->technique, Technique::kAutoConverge);
  EXPECT_EQ(throttled.plan->parameters.downtime_limit, Seconds(2)) << "the sooner it can end";
  auto unthrottled = question(kBusy, careful);
  unthrottled.possible.emplace();
  EXPECT_EQ(answer(unthrottled).prediction.advice->technique, Technique::kStopAndCopy);
}

TEST(Advise, PreferenceDecidesAmongWhatFits) {
  const auto chosen = [](Intent::Prefer prefer) {
    Intent intent;
    intent.prefer = prefer;
    return *answer(question(kBusy, intent)).plan;
  };
  const auto downtime = chosen(Intent::Prefer::kDowntime);
  const auto time = chosen(Intent::Prefer::kTime);
  const auto bytes = chosen(Intent::Prefer::kBytes);
  const auto guest = chosen(Intent::Prefer::kGuest);
  EXPECT_EQ(downtime.technique, Technique::kHybrid);
  EXPECT_EQ(time.technique, Technique::kPostcopy);
  EXPECT_LE(time.total_time->p50, downtime.total_time->p50);
  EXPECT_LE(bytes.transferred->p50, downtime.transferred->p50);
  EXPECT_FALSE(uses_postcopy(guest.technique)) << "it would wait for pages";
}

TEST(Advise, DowntimeIsWhatAClientSeesAtItsUpperBound) {
  Intent strict;
  strict.max_downtime = Seconds(0.4);
  const auto advised = answer(question(kCalm, strict));
  ASSERT_TRUE(advised.plan);
  EXPECT_LE(advised.plan->downtime.probe->p95, Seconds(0.4));
}

TEST(Advise, AnImpossibleIntentIsRefusedWithTheNearestPossible) {
  Intent impossible;
  impossible.max_downtime = Seconds(0.01);
  const auto advised = answer(question(kBusy, impossible));
  EXPECT_EQ(advised.prediction.predictions.size(), 7u) << "predictions are shown all the same";
  EXPECT_FALSE(advised.prediction.advice);
  ASSERT_TRUE(advised.refusal);
  EXPECT_EQ(advised.refusal->code, ErrorCode::kImpossible);
  ASSERT_TRUE(advised.nearest);
  EXPECT_EQ(advised.refusal->what_to_do,
            (Remedy{"the nearest that is possible: ",
                    {Setting::kMaxDowntime,
                     fmt::format("{:.0f}ms", advised.nearest->max_downtime->count() * 1e3)}}));
  // the nearest intent is indeed possible
  const auto again = answer(question(kBusy, *advised.nearest));
  EXPECT_TRUE(again.prediction.advice);
}

TEST(Advise, ATimeThatIsTooShortIsAnsweredWithOneThatIsEnough) {
  Intent hurry;
  hurry.max_time = Seconds(2);
  const auto advised = answer(question(kCalm, hurry));
  EXPECT_FALSE(advised.prediction.advice);
  for (const auto& p : advised.prediction.predictions) EXPECT_FALSE(p.converges);
  ASSERT_TRUE(advised.nearest);
  EXPECT_EQ(
      advised.refusal->what_to_do,
      (Remedy{"the nearest that is possible: ",
              {Setting::kMaxTime, fmt::format("{:g}s", advised.nearest->max_time->count())}}));
  EXPECT_TRUE(answer(question(kCalm, *advised.nearest)).prediction.advice);
}

/// A question whose one technique ends in time with a probability between 20 % and 80 %.
Question doubtful() {
  Intent intent;
  intent.max_time = Seconds(30);
  for (double rate = 5e6; rate < 60e6; rate *= 1.02) {
    auto q = question(BytesPerSecond(rate), intent);
    q.techniques = {Technique::kPrecopy};
    q.parameters.downtime_limit = Seconds(0.3);
    q.draws = 200;
    for (auto& point : q.profile.dirty_curve) {  // measured to 15 %
      point.low = point.unique * Ratio(0.85);
      point.high = Bytes(std::llround(point.unique.as_double() * 1.15));
    }
    const double likely =
        answer(q).prediction.predictions.front().converges_probability.value_or(Ratio(0)).value();
    if (likely > 0.5 && likely < 0.8) return q;
  }
  ADD_FAILURE() << "no rate makes it doubtful";
  return question(kCalm, intent);
}

TEST(Advise, ATimeThatIsAskedForIsKeptWithTheConfidenceThatIsAskedFor) {
  auto q = doubtful();
  const auto cautious = answer(q);
  EXPECT_FALSE(cautious.prediction.advice) << "90 % are wanted";
  ASSERT_TRUE(cautious.refusal);
  EXPECT_THAT(cautious.refusal->message, HasSubstr("90 %"));
  ASSERT_TRUE(cautious.nearest);
  auto nearest = q;
  nearest.intent = *cautious.nearest;
  EXPECT_TRUE(answer(nearest).prediction.advice);
  q.intent.confidence = Ratio(0.5);
  EXPECT_TRUE(answer(q).prediction.advice);
}

TEST(Advise, WithoutATimeWhatIsDoubtfulIsStillTakenWhereNothingElseIs) {
  auto q = doubtful();
  q.intent.max_time.reset();
  EXPECT_TRUE(answer(q).prediction.advice);
}

TEST(Advise, SaysWhenNoTechniqueThatWasAskedForEverEnds) {
  auto q = question(kBusy);
  q.techniques = {Technique::kPrecopy};
  const auto advised = answer(q);
  EXPECT_EQ(advised.prediction.predictions.size(), 1u);
  ASSERT_TRUE(advised.refusal);
  EXPECT_FALSE(advised.nearest);
  EXPECT_THAT(advised.refusal->what_to_do, HasSubstr("postcopy"));
}

TEST(Advise, RefusesTechniquesWithoutAModelByName) {
  auto q = question(kCalm);
  q.techniques = {Technique::kPrecopy, Technique::kCold};
  const auto advised = predict_all(q);
  ASSERT_FALSE(advised.has_value());
  EXPECT_EQ(advised.error().code, ErrorCode::kUnsupported);
  EXPECT_THAT(advised.error().message, HasSubstr("cold"));
  EXPECT_THAT(advised.error().what_to_do, HasSubstr("another technique"));
}

TEST(Advise, ACombinationIsPredictedBesidesTheUsualOnes) {
  auto q = question(kCalm);
  q.besides = Technique{.codec = Codec::kXbzrle, .throttle = Throttle::kAutoConverge};
  const auto advised = answer(q);
  EXPECT_EQ(advised.prediction.predictions.size(), 8u);
  EXPECT_NE(find(advised.prediction, *q.besides), nullptr);
  q.besides = Technique::kPrecopy;
  EXPECT_EQ(answer(q).prediction.predictions.size(), 7u) << "which is one of them";
}

TEST(Advise, WithoutGroundThereIsNoAdviceAndNoBlameOnTheGuest) {
  auto q = question(kCalm);
  q.techniques = {parse_technique("multifd+postcopy").value()};
  const auto advised = answer(q);
  EXPECT_FALSE(advised.prediction.advice);
  ASSERT_TRUE(advised.refusal);
  EXPECT_EQ(advised.refusal->code, ErrorCode::kUnsupported);
  EXPECT_THAT(advised.refusal->message, HasSubstr("multifd+postcopy"));
  q.techniques.push_back(Technique::kPrecopy);
  EXPECT_EQ(answer(q).prediction.advice->technique, Technique::kPrecopy);
}

TEST(Advise, RefusesAnIntentOfNothing) {
  Intent nothing;
  nothing.max_time = Seconds(0);
  EXPECT_FALSE(predict_all(question(kCalm, nothing)).has_value());
}

}  // namespace
}  // namespace godwit::advise
