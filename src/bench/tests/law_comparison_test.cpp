#include "godwit/bench/law_comparison.h"

#include <gtest/gtest.h>

#include "godwit/bench/steer.h"

namespace godwit::bench {
namespace {

SteeredRun run(const char* law, const char* guest, OutcomeStatus status, Seconds total,
               Seconds downtime, Seconds allowed = Seconds(0.3)) {
  SteeredRun one;
  one.law = law;
  one.guest = guest;
  one.outcome.status = status;
  one.outcome.total_time = total;
  one.outcome.downtime.events = downtime;
  Intent intent;
  intent.max_downtime = allowed;
  one.kept = keeps(one.outcome, intent);
  return one;
}

constexpr auto kDone = OutcomeStatus::kCompleted;
constexpr auto kEndless = OutcomeStatus::kDidNotConverge;

TEST(LawComparison, AnIntentIsKeptByWhatAClientSawWhereOneAsked) {
  Intent intent;
  intent.max_downtime = Seconds(0.3);
  MigrationOutcome outcome;
  outcome.status = kDone;
  outcome.downtime.events = Seconds(0.2);
  EXPECT_TRUE(keeps(outcome, intent));
  outcome.downtime.probe = Seconds(0.5);
  EXPECT_FALSE(keeps(outcome, intent));
  outcome.downtime.probe = Seconds(0.25);
  EXPECT_TRUE(keeps(outcome, intent));
  outcome.status = OutcomeStatus::kCancelled;
  EXPECT_FALSE(keeps(outcome, intent));
}

TEST(LawComparison, CountsWhatAnyLawKept) {
  const auto laws = summed_up({run("none", "a", kDone, Seconds(10), Seconds(0.2)),
                               run("none", "b", kEndless, Seconds(60), Seconds(0)),
                               run("none", "c", kEndless, Seconds(60), Seconds(0)),
                               run("auto-converge", "a", kDone, Seconds(20), Seconds(0.2)),
                               run("auto-converge", "b", kDone, Seconds(40), Seconds(0.1)),
                               run("auto-converge", "c", kDone, Seconds(40), Seconds(0.9))});
  ASSERT_EQ(laws.size(), 2u);
  EXPECT_EQ(laws[0].kept, 1);
  EXPECT_EQ(laws[0].could, 2) << "nobody kept c";
  EXPECT_EQ(laws[0].endless, 2);
  EXPECT_EQ(laws[0].total_s, 10);
  EXPECT_NEAR(laws[0].against_auto_converge, 0.5, 1e-9);
  EXPECT_EQ(laws[1].kept, 2);
  EXPECT_NEAR(laws[1].against_auto_converge, 1, 1e-9);
  EXPECT_NEAR(laws[1].downtime_ms, 400, 1e-6);
}

LawSummary kept(const char* law, int share, double total_s) {
  LawSummary one;
  one.law = law;
  one.runs = 10;
  one.kept = share;
  one.total_s = total_s;
  return one;
}

TEST(LawComparison, RanksAreByWhatWasKeptAndThenByTime) {
  const std::vector<LawSummary> real{kept("a", 9, 10), kept("b", 5, 10), kept("c", 5, 20)};
  EXPECT_NEAR(*rank_correlation(real, {kept("c", 1, 9), kept("b", 1, 5), kept("a", 10, 99)}), 1,
              1e-9);
  EXPECT_NEAR(*rank_correlation(real, {kept("a", 0, 1), kept("b", 4, 1), kept("c", 8, 1)}), -1,
              1e-9);
  EXPECT_FALSE(rank_correlation(real, {kept("a", 1, 1), kept("other", 1, 1)}));
}

/// What a suite measured is run again in the twin with each one's own profile.
TEST(LawComparison, TheTwinMovesTheSameGuestsByTheSameLaws) {
  const SteerSuite own = steer_suite();
  std::vector<Trial> trials;
  for (const char* law : {"none", "ovirt-suspend", "godwit"}) {
    Trial trial;
    trial.cell.law = law;
    trial.cell.spec = "busy";
    trial.cell.max_downtime = Seconds(0.3);
    trial.record = OutcomeRecord{};
    trial.record->profile = own.guests[4].profile;  // 100 MB/s over 40 MB/s
    trials.push_back(trial);
  }
  trials.push_back(trials.front());
  trials.back().record->profile.reset();
  const auto runs = in_the_twin(trials);
  ASSERT_TRUE(runs) << runs.error().message;
  ASSERT_EQ(runs->size(), 3u) << "without a profile there is no twin";
  EXPECT_EQ(runs->front().outcome.status, kEndless);
  EXPECT_FALSE(runs->front().kept);
  EXPECT_TRUE(runs->back().kept) << runs->back().outcome.reason;
  EXPECT_EQ(runs->back().guest, "busy");
}

}  // namespace
}  // namespace godwit::bench
