#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "question.h"

namespace godwit::advise {
namespace {

Intent random_intent() {
  Intent intent;
  if (*rc::gen::arbitrary<bool>()) intent.max_downtime = Seconds(*rc::gen::inRange(1, 9000) / 1e3);
  if (*rc::gen::arbitrary<bool>()) intent.max_time = Seconds(*rc::gen::inRange(1, 100));
  if (*rc::gen::arbitrary<bool>()) intent.max_bytes = 1_MB * *rc::gen::inRange(100, 2000);
  if (*rc::gen::arbitrary<bool>()) intent.max_slowdown = Ratio(*rc::gen::inRange(0, 100) / 100.0);
  intent.no_postcopy = *rc::gen::arbitrary<bool>();
  intent.prefer = *rc::gen::element(Intent::Prefer::kDowntime, Intent::Prefer::kTime,
                                    Intent::Prefer::kBytes, Intent::Prefer::kGuest);
  return intent;
}

RC_GTEST_PROP(AdviseProperty, AdviceMeetsTheIntentOrThereIsARefusal, ()) {
  const Intent intent = random_intent();
  const auto q = question(BytesPerSecond(*rc::gen::inRange(0, 150) * 1e6), intent);
  const auto advised = answer(q);
  RC_ASSERT(advised.prediction.advice.has_value() != advised.refusal.has_value());
  RC_ASSERT(advised.prediction.advice.has_value() == advised.plan.has_value());
  if (!advised.plan) {
    RC_ASSERT(!advised.refusal->what_to_do.empty());
    return;
  }
  const TechniquePrediction& p = *advised.plan;
  RC_ASSERT(p.converges);
  RC_ASSERT(!intent.no_postcopy || !uses_postcopy(p.technique));
  RC_ASSERT(!intent.max_downtime || p.downtime.probe->p95 <= *intent.max_downtime);
  RC_ASSERT(!intent.max_time || p.total_time->p50 <= *intent.max_time);
  RC_ASSERT(!intent.max_bytes || p.transferred->p50 <= *intent.max_bytes);
  RC_ASSERT(!intent.max_slowdown || !p.slowdown || p.slowdown->p50 <= *intent.max_slowdown);
}

RC_GTEST_PROP(AdviseProperty, TheNearestIntentCanBeMet, ()) {
  auto q = question(BytesPerSecond(*rc::gen::inRange(0, 150) * 1e6), random_intent());
  q.draws = *rc::gen::element(0, 40);
  const auto advised = answer(q);
  RC_PRE(advised.nearest.has_value());
  q.intent = *advised.nearest;
  RC_ASSERT(answer(q).prediction.advice.has_value());
}

RC_GTEST_PROP(AdviseProperty, LooseningALimitNeverCostsTheAdvice, ()) {
  const Intent intent = random_intent();
  RC_PRE(intent.max_downtime.has_value());
  const auto writes = BytesPerSecond(*rc::gen::inRange(0, 150) * 1e6);
  Intent looser = intent;
  looser.max_downtime = *intent.max_downtime * 2;
  const bool possible = answer(question(writes, intent)).prediction.advice.has_value();
  RC_ASSERT(!possible || answer(question(writes, looser)).prediction.advice.has_value());
}

}  // namespace
}  // namespace godwit::advise
