// What is advised where the disks move along.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>

#include "godwit/advise/advise.h"
#include "godwit/agility/agility.h"
#include "godwit/model/dirty_curve.h"
#include "godwit/model/share_search.h"
#include "godwit/twin/predictor.h"

namespace godwit::advise {
namespace {

using testing::HasSubstr;

/// 128 MiB that are written at random at `memory`, and a disk of 256 MiB, half of it data.
Question storage_question(BytesPerSecond memory, std::vector<ChunkClass> disk,
                          BytesPerSecond reads = {}) {
  Question q;
  q.profile.ram = 128_MiB;
  for (const double t : {0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0}) {
    const Bytes w = model::uniform_writer(16_MiB, memory, Seconds(t));
    q.profile.dirty_curve.push_back({Seconds(t), w, w, w});
  }
  q.profile.disks = {{"disk0", 256_MiB, 128_MiB, DiskWrites{64_KiB, Seconds(8), std::move(disk)}}};
  q.profile.activity.disk_read = reads;
  q.link = Link{40_Mbit_per_s, Seconds(0.005)};
  q.storage = true;
  return q;
}

Advised storage_answer(const Question& q) {
  const auto advised = predict_all(q);
  EXPECT_TRUE(advised.has_value());
  return advised.value_or(Advised());
}

constexpr double kMirror = (128 << 20) / 5e6;
constexpr auto kCalmMemory = BytesPerSecond(500e3);

TEST(AdviseStorage, AllOfItBeforehandIsThatLaterThanMemoryAlone) {
  Question q = storage_question(kCalmMemory, {});
  q.techniques = {Technique::kPrecopy};
  q.parameters.precopy_storage = Ratio(1);
  const Advised with = storage_answer(q);
  q.storage = false;
  q.parameters.precopy_storage.reset();
  const Advised without = storage_answer(q);
  const TechniquePrediction& p = with.prediction.predictions.front();
  EXPECT_TRUE(p.technique.storage);
  EXPECT_NEAR(p.total_time->p50.count(),
              without.prediction.predictions.front().total_time->p50.count() + kMirror, 1e-6);
  ASSERT_TRUE(with.prediction.advice);
  EXPECT_TRUE(with.prediction.advice->technique.storage);
}

TEST(AdviseStorage, AShareThatIsGivenIsKept) {
  Question q = storage_question(kCalmMemory, {});
  q.parameters.precopy_storage = Ratio(0.25);
  for (const TechniquePrediction& p : storage_answer(q).prediction.predictions) {
    EXPECT_EQ(p.parameters.precopy_storage, Ratio(0.25)) << to_string(p.technique);
  }
  EXPECT_EQ(storage_answer(q).plan->parameters.precopy_storage, Ratio(0.25));
}

TEST(AdviseStorage, WithoutPostcopyAllGoesFirst) {
  Question q = storage_question(kCalmMemory, {});
  q.intent.prefer = Intent::Prefer::kAgility;
  q.intent.no_postcopy = true;
  EXPECT_EQ(storage_answer(q).plan->storage->share, Ratio(1));
  q.intent.no_postcopy = false;
  q.may_leave_disks = false;
  EXPECT_EQ(storage_answer(q).plan->storage->share, Ratio(1));
  q.may_leave_disks = true;
  EXPECT_LT(storage_answer(q).plan->storage->share, Ratio(0.5))
      << "nobody reads it: why wait for it?";
}

TEST(AdviseStorage, NothingIsLeftBehindWithoutAReason) {
  const Advised advised = storage_answer(storage_question(kCalmMemory, {}));
  ASSERT_TRUE(advised.plan);
  EXPECT_EQ(advised.plan->storage->share, Ratio(1));
}

TEST(AdviseStorage, ATimeThatAllOfTheDisksWouldNotKeepIsKeptByAShare) {
  Question q = storage_question(kCalmMemory, {}, BytesPerSecond(200e3));
  q.intent.max_time = Seconds(45);
  const Advised advised = storage_answer(q);
  ASSERT_TRUE(advised.plan) << advised.refusal->message;
  EXPECT_LT(advised.plan->storage->share, Ratio(1));
  EXPECT_LE(advised.plan->total_time->p50, Seconds(45));
  EXPECT_THAT(advised.prediction.advice->why, HasSubstr("of the disks beforehand"));
  q.intent.no_postcopy = true;
  EXPECT_TRUE(storage_answer(q).refusal);
}

TEST(AdviseStorage, AReaderOfItsDiskGetsMoreBeforehandThanOthers) {
  Question q = storage_question(kCalmMemory, {}, 3_MB_per_s);
  q.intent.prefer = Intent::Prefer::kAgility;
  const double reader = storage_answer(q).plan->storage->share.value();
  q.profile.activity.disk_read = BytesPerSecond(10e3);
  EXPECT_GT(reader, storage_answer(q).plan->storage->share.value() + 0.2);
}

TEST(AdviseStorage, DisksThatDoNotTellLeaveNoTotalRatherThanAWrongOne) {
  Question q = storage_question(kCalmMemory, {});
  q.profile.disks.front().allocated.reset();
  const Advised advised = storage_answer(q);
  ASSERT_TRUE(advised.plan);
  EXPECT_TRUE(advised.plan->technique.storage);
  EXPECT_FALSE(advised.plan->total_time);
  EXPECT_TRUE(advised.plan->converges);
  for (const TechniquePrediction& p : advised.prediction.predictions) {
    EXPECT_TRUE(p.technique.storage);
    EXPECT_FALSE(p.total_time);
  }
}

TEST(AdviseStorage, WithoutDisksAgilityIsAPreferenceToo) {
  Question q = storage_question(40_MB_per_s, {});
  q.storage = false;
  q.intent.prefer = Intent::Prefer::kAgility;
  const Advised advised = storage_answer(q);
  ASSERT_TRUE(advised.plan && advised.plan->agility);
  for (const TechniquePrediction& p : advised.prediction.predictions) {
    if (!p.converges) continue;
    EXPECT_GE(advised.plan->agility->p50.value(), 0.97 * p.agility->p50.value())
        << to_string(p.technique);
  }
}

// --- the search, with a grid as its judge ---

/// Agility by both shares, each as the twin and the disks' model say.
class AgilityByShares {
 public:
  explicit AgilityByShares(const Question& q)
      : twin_(twin::Predictor::make(q.profile, q.link).value()),
        disks_(agility::DiskModel::make(q.profile, q.link).value()) {}
  double operator()(double m, double s) const {
    MigrationParameters parameters;
    parameters.precopy_share = Ratio(m);
    const TechniquePrediction p = twin_.predict(Technique::kHybrid, parameters).value();
    return p.converges ? agility::agility_of(p, &disks_, s) : 0;
  }
  [[nodiscard]] model::ZhangChoice theirs() const {
    return model::their_shares([&](double s) { return disks_.course(s, {}).agility; }, *this);
  }

 private:
  twin::Predictor twin_;
  agility::DiskModel disks_;
};

/// What is chosen of memory and of the disks is worth at least 95 % of the best of an 11 by 11
/// grid.
RC_GTEST_PROP(AdviseStorage, WhatIsChosenIsAsGoodAsAGridsBest, ()) {
  const auto pick = [](double low, double high) {
    return low * std::pow(high / low, *rc::gen::inRange(0, 101) / 100.0);
  };
  Question q = storage_question(BytesPerSecond(pick(1e5, 2e7)),
                                {{pick(1, 1000), pick(0.03, 8)}, {pick(1, 1000), pick(0.03, 8)}},
                                BytesPerSecond(pick(1e3, 4e6)));
  q.intent.prefer = Intent::Prefer::kAgility;
  q.techniques = {Technique::kHybrid};
  const Advised advised = storage_answer(q);
  const AgilityByShares agility(q);
  double best = 0;
  for (int m = 0; m <= 10; ++m) {
    for (int s = 0; s <= 10; ++s) best = std::max(best, agility(m / 10.0, s / 10.0));
  }
  RC_ASSERT(advised.plan && advised.plan->agility);
  RC_ASSERT(advised.plan->agility->p50.value() >= 0.95 * best);
}

/// Theirs takes S as if memory were there by magic, and ours is never worse by more than what
/// soonness is worth.
TEST(AdviseStorage, TheirSearchIsNoBetterThanOurs) {
  for (const BytesPerSecond reads : {BytesPerSecond(10e3), BytesPerSecond(300e3), 3_MB_per_s}) {
    Question q = storage_question(2_MB_per_s, {{200, 1}}, reads);
    q.intent.prefer = Intent::Prefer::kAgility;
    q.techniques = {Technique::kHybrid};
    const AgilityByShares agility(q);
    const model::ZhangChoice theirs = agility.theirs();
    const double at_theirs = agility(theirs.memory.value(), theirs.storage.value());
    EXPECT_GT(at_theirs, 0);
    EXPECT_GE(storage_answer(q).plan->agility->p50.value(), 0.97 * at_theirs);
  }
}

}  // namespace
}  // namespace godwit::advise
