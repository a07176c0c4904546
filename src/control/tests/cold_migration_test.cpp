#include "godwit/control/cold_migration.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "memory_journal.h"

namespace godwit::control {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// Two hosts on a simulated clock, on which what is named in `broken` fails.
class FakeHosts final : public ColdMover {
 public:
  explicit FakeHosts(ManualClock& clock) : clock_(clock) {}

  Result<void> shut_down() override {
    clock_.advance(Seconds(1));
    if (auto fault = find("shut_down"); !fault) return fault;
    source = false;
    return {};
  }
  Result<void> copy_disks(Seconds patience, const OnCopied& on_copied,
                          std::stop_token stop) override {
    patience_seen = patience;
    clock_.advance(Seconds(5));
    if (on_copied) on_copied(Bytes(1), Bytes(2));
    if (stop.stop_requested()) return fail(ErrorCode::kInterrupted, "stopped");
    return find("copy_disks");
  }
  Result<void> boot(Side side) override {
    EXPECT_FALSE(source || destination) << "it would run twice";
    clock_.advance(Seconds(3));
    const char* step = side == Side::kSource ? "boot at source" : "boot at destination";
    if (auto fault = find(step); !fault) return fault;
    (side == Side::kSource ? source : destination) = true;
    return {};
  }
  Result<bool> runs_at_source() override { return source; }

  std::map<std::string, ErrorCode> broken;
  bool source = true;
  bool destination = false;
  Seconds patience_seen{};

 private:
  Result<void> find(const std::string& step) {
    const auto at = broken.find(step);
    if (at == broken.end()) return {};
    return fail(at->second, step + " is broken");
  }
  ManualClock& clock_;
};

class Cold : public ::testing::Test {
 protected:
  Result<MigrationOutcome> run(std::stop_token stop = {}) {
    ColdParties parties{hosts_};
    parties.journal = &journal_;
    return run_cold_migration(
        clock_, parties, plan_, [this](Bytes, Bytes) { ++progress_; }, std::move(stop));
  }

  ManualClock clock_;
  FakeHosts hosts_{clock_};
  [[nodiscard]] std::vector<std::string> steps() const {
    std::vector<std::string> steps;
    for (const JournalEntry& entry : journal_.entries) steps.push_back(entry.step);
    return steps;
  }

  MemoryJournal journal_;
  MigrationPlan plan_{Technique::kCold, {}, Seconds(60)};
  int progress_ = 0;
};

TEST_F(Cold, TakesTheGuestDownCopiesAndBootsIt) {
  const auto outcome = run();
  ASSERT_TRUE(outcome);
  EXPECT_EQ(OutcomeStatus::kCompleted, outcome->status);
  EXPECT_EQ(VmRunsOn::kDestination, outcome->vm_runs_on);
  EXPECT_EQ(Technique::kCold, outcome->technique);
  EXPECT_EQ(Seconds(9), outcome->total_time);
  EXPECT_EQ(std::nullopt, outcome->downtime.qemu);
  EXPECT_EQ(Seconds(59), hosts_.patience_seen) << "what shutting down left of the time";
  EXPECT_EQ(1, progress_);
  EXPECT_FALSE(hosts_.source);
  EXPECT_THAT(steps(), ElementsAre("shutting down", "copying", "booting", "done"));
}

struct Fault {
  std::string step;
  ErrorCode code;
  OutcomeStatus status;
};

class ColdFault : public Cold, public ::testing::WithParamInterface<Fault> {};

TEST_P(ColdFault, EndsWithTheGuestAtTheSource) {
  hosts_.broken[GetParam().step] = GetParam().code;
  const auto outcome = run();
  ASSERT_TRUE(outcome);
  EXPECT_EQ(GetParam().status, outcome->status);
  EXPECT_EQ(VmRunsOn::kSource, outcome->vm_runs_on);
  EXPECT_TRUE(hosts_.source);
  EXPECT_FALSE(hosts_.destination);
  EXPECT_THAT(outcome->reason, HasSubstr(GetParam().step));
  EXPECT_EQ("done", steps().back());
}

INSTANTIATE_TEST_SUITE_P(
    All, ColdFault,
    ::testing::Values(Fault{"shut_down", ErrorCode::kTimeout, OutcomeStatus::kFailed},
                      Fault{"copy_disks", ErrorCode::kEnvironment, OutcomeStatus::kFailed},
                      Fault{"copy_disks", ErrorCode::kTimeout, OutcomeStatus::kDidNotConverge},
                      Fault{"boot at destination", ErrorCode::kEnvironment,
                            OutcomeStatus::kFailed}),
    [](const auto& one) { return "Fault" + std::to_string(one.index); });

TEST_F(Cold, StoppedWhileItCopiesItGoesBack) {
  std::stop_source stop;
  const auto outcome = run_cold_migration(
      clock_, {hosts_}, plan_, [&stop](Bytes, Bytes) { stop.request_stop(); }, stop.get_token());
  ASSERT_TRUE(outcome);
  EXPECT_EQ(OutcomeStatus::kCancelled, outcome->status);
  EXPECT_EQ(VmRunsOn::kSource, outcome->vm_runs_on);
  EXPECT_TRUE(hosts_.source);
}

TEST_F(Cold, StoppedBeforehandNothingIsTouched) {
  std::stop_source stop;
  stop.request_stop();
  const auto outcome = run(stop.get_token());
  ASSERT_FALSE(outcome);
  EXPECT_EQ(ErrorCode::kInterrupted, outcome.error().code);
  EXPECT_TRUE(hosts_.source);
  EXPECT_TRUE(steps().empty());
}

TEST_F(Cold, WhatBootsNowhereIsSaidAndStaysInTheJournal) {
  hosts_.broken = {{"copy_disks", ErrorCode::kPeerGone},
                   {"boot at source", ErrorCode::kEnvironment}};
  const auto outcome = run();
  ASSERT_TRUE(outcome);
  EXPECT_EQ(OutcomeStatus::kFailed, outcome->status);
  EXPECT_EQ(VmRunsOn::kUnknown, outcome->vm_runs_on);
  EXPECT_THAT(outcome->reason, HasSubstr("copy_disks"));
  EXPECT_THAT(outcome->reason, HasSubstr("boot at source"));
  EXPECT_EQ("left unknown", steps().back());
}

TEST_F(Cold, ALiveTechniqueIsRefused) {
  plan_.technique = Technique::kPrecopy;
  EXPECT_EQ(ErrorCode::kBadInput, run().error().code);
}

}  // namespace
}  // namespace godwit::control
