#include "godwit/bench/steer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <map>

namespace godwit::bench {
namespace {

const LawSummary& of(const std::vector<LawSummary>& laws, const std::string& name) {
  return *std::find_if(laws.begin(), laws.end(),
                       [&](const LawSummary& one) { return one.law == name; });
}

class Steered : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    auto done = run_steer_suite(steer_suite());
    ASSERT_TRUE(done) << done.error().message;
    runs_ = std::move(*done);
    laws_ = summed_up(runs_);
    for (const LawSummary& law : laws_) {
      std::printf(
          "%-24s kept %3d of %3d, of what could be kept %5.1f %%, endless %3d, %6.1f s, "
          "%7.0f ms, %5.2f GB, %4.2f x auto-converge\n",
          law.law.c_str(), law.kept, law.runs, 100.0 * law.kept / std::max(law.could, 1),
          law.endless, law.total_s, law.downtime_ms, law.bytes / 1e9, law.against_auto_converge);
    }
  }
  static std::vector<SteeredRun> runs_;
  static std::vector<LawSummary> laws_;
};
std::vector<SteeredRun> Steered::runs_;
std::vector<LawSummary> Steered::laws_;

TEST_F(Steered, GodwitKeepsWhatAnyLawKeeps) {
  const LawSummary& own = of(laws_, "godwit");
  EXPECT_GE(own.kept, 0.95 * own.could);
  EXPECT_EQ(own.endless, 0) << "it ends, or says that it will not";
  std::map<std::string, bool> kept;
  for (const SteeredRun& run : runs_) {
    if (run.law == "godwit" || !run.kept) continue;
    const auto same = std::find_if(runs_.begin(), runs_.end(), [&](const SteeredRun& other) {
      return other.law == "godwit" && other.guest == run.guest && other.intent == run.intent &&
             other.link_bytes_per_s == run.link_bytes_per_s;
    });
    if (!same->kept) {
      std::printf("%s kept, godwit did not: %s over %.0f MB/s, %s: %s\n", run.law.c_str(),
                  run.guest.c_str(), run.link_bytes_per_s / 1e6, run.intent.c_str(),
                  same->outcome.reason.c_str());
    }
  }
}

TEST_F(Steered, NoMigrationIsLost) {
  for (const SteeredRun& run : runs_) {
    const bool moved = run.outcome.status == OutcomeStatus::kCompleted;
    EXPECT_EQ(run.outcome.vm_runs_on, moved ? VmRunsOn::kDestination : VmRunsOn::kSource)
        << run.law << ", " << run.guest;
  }
}

TEST_F(Steered, TheSameSeedGivesTheSame) {
  SteerSuite small = steer_suite();
  small.guests.resize(3);
  const auto once = run_steer_suite(small);
  const auto again = run_steer_suite(small);
  ASSERT_TRUE(once && again);
  ASSERT_EQ(once->size(), again->size());
  for (std::size_t i = 0; i < once->size(); ++i) {
    EXPECT_EQ((*once)[i].outcome, (*again)[i].outcome) << (*once)[i].law;
  }
}

}  // namespace
}  // namespace godwit::bench
