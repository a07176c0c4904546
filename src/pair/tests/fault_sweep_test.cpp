// A fault before every single call of a migration: whatever happens, the guest never runs twice, is
// never lost without the outcome saying so, and what was borrowed is given back or said.

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>

#include "drive.h"
#include "fake_pair.h"
#include "fake_quota.h"
#include "godwit/pair/recovery.h"
#include "memory_journal.h"
#include "sanitized.h"

namespace godwit::pair {
namespace {

using control::MemoryJournal;

using Fault = FakePair::Fault;
using Victim = FakePair::Victim;

/// Longer than TCP, or anything here, takes to give up.
constexpr Seconds kLongAfter{2000};

/// Long enough for a link that is away for a while.
constexpr Seconds kMendFor{60};

struct Case {
  Technique technique;
  bool disks;
  Fault fault;
  Victim victim;
  bool slowed = false;  ///< by a law that orders quotas
};

/// One run with one fault.
class FaultyRun {
 public:
  FaultyRun(const Case& one, int call) {
    world.fault = one.fault;
    world.victim = one.victim;
    world.fault_at_call = call;
    world.last_part = one.technique == Technique::kStopAndCopy ? 40 : 0.1;
    world.user_stops = [this] { stop_.request_stop(); };
    pair.destination.state = RunState::kInmigrate;
    pair.source.on = {Capability::kXbzrle};
    plan_.technique = one.technique;
    plan_.parameters.max_bandwidth = 40_MB_per_s;
    plan_.technique.storage = one.disks;
    plan_.moved_disks = {{"virtio0", "virtio0"}};
    if (one.slowed) law_ = std::make_unique<Halving>();
    quota.on_limit = [this] {
      EXPECT_TRUE(journal.entries.back().source_cpu) << "it is written down before it is borrowed";
    };
  }

  void go() {
    LentQuota port(quota);
    Ends ends{pair.source, pair.destination, "tcp:10.0.0.2:4444"};
    ends.journal = &journal;
    if (law_->name() == "halving") ends.cpu_quota = &port;
    try {
      control::RunOptions options;
      options.mend_for = kMendFor;
      auto result = migrate(world.clock, ends, plan_, *law_, options, stop_.get_token());
      limited_at_end = quota.share.has_value();
      if (result) {
        outcome = std::move(*result);
      } else {
        refused = result.error();
      }
    } catch (const FakePair::GodwitDied&) {
      killed = true;
    }
    world.fault_at_call = -1;
  }

  /// What `godwit recover` does afterwards, with both monitors in reach again.
  void recover_all() {
    world.godwit_is_dead = false;
    pair.repair_connections();
    for (int i = 0; i < 3 && !journal.entries.empty() && journal.entries.back().step != "done";
         ++i) {
      pair.go_on_alone(Seconds(1000));
      Recovered found =
          recover(world.clock, journal.entries.back(),
                  {pair.source.alive ? &pair.source : nullptr, !pair.source.alive,
                   [this](const LentCpu& lent) { return quota.give_back(lent); }},
                  {pair.destination.alive ? &pair.destination : nullptr, !pair.destination.alive});
      recovered = found;
      found.left.step = found.finished ? "done" : "left";
      journal.entries.push_back(found.left);
    }
  }

  /// What was called, for a failure's message.
  [[nodiscard]] std::string story() const {
    return fmt::format("source: {}\ndestination: {}\n{}", fmt::join(pair.source.log, " "),
                       fmt::join(pair.destination.log, " "), outcome ? outcome->reason : "");
  }

  [[nodiscard]] bool says(const std::string& words) const {
    return outcome && std::any_of(outcome->remarks.begin(), outcome->remarks.end(),
                                  [&words](const std::string& one) {
                                    return one.find(words) != std::string::npos;
                                  });
  }

  FakePair::World world;
  FakePair pair{world};
  FakeQuota quota{world, pair};
  MemoryJournal journal;
  std::optional<MigrationOutcome> outcome;
  std::optional<Recovered> recovered;
  std::optional<Error> refused;
  bool killed = false;
  bool limited_at_end = false;  ///< before the port was destroyed

 private:
  MigrationPlan plan_;
  std::unique_ptr<steer::Law> law_ = std::make_unique<steer::AsPlanned>();
  std::stop_source stop_;
};

bool is_as_before(const FakePair::Fake& side, const CapabilitySet& on) {
  return !side.alive || (side.on == on && side.set == usual_parameters());
}

void expect_true_place(const FaultyRun& run) {
  const auto& source = run.pair.source;
  const auto& destination = run.pair.destination;
  const std::string& why = run.outcome->reason;
  switch (run.outcome->vm_runs_on) {
    case VmRunsOn::kSource:
      EXPECT_TRUE(source.alive && source.state == RunState::kRunning) << why;
      break;
    case VmRunsOn::kDestination:
      EXPECT_EQ(destination.state, RunState::kRunning) << why;
      break;
    case VmRunsOn::kBothPaused:
      EXPECT_TRUE(run.pair.running_guests() == 0 || run.pair.postcopy()) << why;
      break;
    case VmRunsOn::kUnknown:
      EXPECT_NE(run.outcome->status, OutcomeStatus::kCompleted);
      EXPECT_TRUE(!source.alive || !destination.alive || !source.connected ||
                  !destination.connected || run.world.fault == Fault::kMute)
          << why;
      break;
  }
  if (run.outcome->vm_runs_on != VmRunsOn::kSource &&
      run.outcome->vm_runs_on != VmRunsOn::kDestination) {
    EXPECT_FALSE(why.empty());
  }
}

/// To the fake, techniques like pre-copy differ from it in their settings alone. In the long last
/// part of a stop-and-copy, which is 40 s of looking, each look is like the one before it; and one
/// that is stuck for a quarter of an hour is the same wherever that begins.
int stride(const Case& one, int call, int calls) {
  const bool stuck = one.fault == Fault::kLinkDead || one.fault == Fault::kLinkDeadAWhile;
  if (one.technique == Technique::kStopAndCopy && stuck) return kSanitized ? 701 : 41;
  if (kSanitized) return 173;
  const bool whole = one.technique == Technique::kPrecopy ||
                     one.technique == Technique::kPostcopy ||
                     one.technique == Technique::kStopAndCopy;
  constexpr int kEnds = 150;
  const bool in_last_part =
      one.technique == Technique::kStopAndCopy && call > kEnds && call + kEnds < calls;
  if (in_last_part) return 7;
  return whole ? 1 : 11;
}

int all_runs = 0;

class FaultSweep : public testing::TestWithParam<Case> {};

TEST_P(FaultSweep, NeverTwoNeverLostAllGivenBack) {
  FaultyRun undisturbed(GetParam(), -1);
  undisturbed.go();
  ASSERT_TRUE(undisturbed.outcome && undisturbed.outcome->status == OutcomeStatus::kCompleted)
      << (undisturbed.outcome ? undisturbed.outcome->reason : "refused");
  ASSERT_EQ(undisturbed.quota.limits.empty(), !GetParam().slowed);
  ASSERT_FALSE(undisturbed.limited_at_end);
  int runs = 0;
  const int calls = undisturbed.world.calls;
  for (int call = 0; call < calls; call += stride(GetParam(), call, calls), ++runs) {
    SCOPED_TRACE(fmt::format("call {}", call));
    FaultyRun run(GetParam(), call);
    run.go();
    ASSERT_LE(run.pair.most_running(), 1) << run.story();
    if (run.outcome) expect_true_place(run);
    const bool comes_back =
        GetParam().fault == Fault::kLinkCutAWhile || GetParam().fault == Fault::kLinkDeadAWhile;
    const bool was_split = run.pair.postcopy() && run.pair.destination.state == RunState::kRunning;
    if (comes_back && run.outcome && was_split) {
      EXPECT_EQ(run.outcome->vm_runs_on, VmRunsOn::kDestination) << run.story();
      EXPECT_EQ(run.outcome->status, OutcomeStatus::kCompleted) << run.story();
    }
    if (run.refused && run.pair.source.alive) {
      EXPECT_EQ(run.pair.source.state, RunState::kRunning) << "an error says: nothing was started";
    }
    const bool left = !is_as_before(run.pair.source, {Capability::kXbzrle}) ||
                      !is_as_before(run.pair.destination, {});
    if (run.refused && left) {
      EXPECT_NE(run.refused->what_to_do.text().find("godwit recover"), std::string::npos)
          << run.refused->message;
    }
    if (run.outcome && run.outcome->given_back == true) {
      EXPECT_TRUE(is_as_before(run.pair.source, {Capability::kXbzrle})) << "given back, it says";
      EXPECT_TRUE(is_as_before(run.pair.destination, {})) << "given back, it says";
      EXPECT_FALSE(run.pair.storage_left());
      EXPECT_FALSE(run.limited_at_end) << "given back, it says";
    }
    EXPECT_TRUE(!run.limited_at_end || run.says("still limited")) << "its loss is said";
    run.recover_all();
    run.pair.go_on_alone(kLongAfter);
    ASSERT_LE(run.pair.most_running(), 1) << "long after, or by recovering";
    ASSERT_FALSE(run.pair.ran_on_a_torn_disk());
    // A broken post-copy is not over: it can still be recovered, with the settings that it has.
    if (run.pair.source.status.phase != MigrationPhase::kPostcopyPaused) {
      EXPECT_TRUE(is_as_before(run.pair.source, {Capability::kXbzrle})) << "recovered";
      EXPECT_TRUE(is_as_before(run.pair.destination, {})) << "recovered";
    } else {
      EXPECT_FALSE(run.recovered->what_to_do.empty());
    }
    EXPECT_FALSE(run.pair.storage_left());
    EXPECT_FALSE(run.quota.share) << "recovered";
    const bool both_live = run.pair.source.alive && run.pair.destination.alive;
    const bool said = run.recovered && !run.recovered->what_to_do.empty();
    if (both_live && run.pair.running_guests() == 0) {
      EXPECT_TRUE(said || (run.outcome && run.outcome->vm_runs_on != VmRunsOn::kSource &&
                           run.outcome->vm_runs_on != VmRunsOn::kDestination))
          << "a guest that stands still is said";
    }
    if (testing::Test::HasFailure()) break;  // one is enough to look at
  }
  RecordProperty("runs", runs);
  all_runs += runs;
  std::printf("%d runs with a fault, %d in all so far\n", runs, all_runs);
}

std::string_view name(Fault fault) {
  switch (fault) {
    case Fault::kDies:
      return "Dies";
    case Fault::kLosesConnection:
      return "LosesConnection";
    case Fault::kLosesConnectionAWhile:
      return "LosesConnectionAWhile";
    case Fault::kLinkCut:
      return "LinkCut";
    case Fault::kLinkDead:
      return "LinkDead";
    case Fault::kLinkCutAWhile:
      return "LinkCutAWhile";
    case Fault::kLinkDeadAWhile:
      return "LinkDeadAWhile";
    case Fault::kMute:
      return "Mute";
    case Fault::kRefuses:
      return "Refuses";
    case Fault::kTimesOut:
      return "TimesOut";
    case Fault::kGodwitDies:
      return "GodwitDies";
    case Fault::kUserStops:
      return "UserStops";
  }
  return "";
}

std::string name_of(const testing::TestParamInfo<Case>& info) {
  std::string technique(to_string(info.param.technique));
  technique.erase(std::remove(technique.begin(), technique.end(), '-'), technique.end());
  const std::string_view victim = info.param.victim == Victim::kSource        ? "Source"
                                  : info.param.victim == Victim::kDestination ? "Destination"
                                                                              : "";
  return fmt::format("{}{}{}{}{}", technique, info.param.slowed ? "Slowed" : "",
                     info.param.disks ? "Storage" : "", victim, name(info.param.fault));
}

void add_faults(std::vector<Case>& cases, Technique technique, bool disks, bool slowed) {
  for (const Fault fault :
       {Fault::kDies, Fault::kLosesConnection, Fault::kLosesConnectionAWhile, Fault::kMute}) {
    cases.push_back({technique, disks, fault, Victim::kSource, slowed});
    cases.push_back({technique, disks, fault, Victim::kDestination, slowed});
  }
  for (const Fault fault :
       {Fault::kLinkCut, Fault::kLinkDead, Fault::kLinkCutAWhile, Fault::kLinkDeadAWhile,
        Fault::kRefuses, Fault::kTimesOut, Fault::kGodwitDies, Fault::kUserStops}) {
    cases.push_back({technique, disks, fault, Victim::kNone, slowed});
  }
}

std::vector<Case> all_cases() {
  std::vector<Case> cases;
  for (const Technique technique :
       {Technique::kPrecopy, Technique::kAutoConverge, Technique::kXbzrle, Technique::kMultifd,
        Technique::kPostcopy, Technique::kHybrid, Technique::kStopAndCopy}) {
    for (const bool disks : {false, true}) add_faults(cases, technique, disks, false);
  }
  for (const bool disks : {false, true}) add_faults(cases, Technique::kPrecopy, disks, true);
  add_faults(cases, Technique::kHybrid, false, true);
  return cases;
}

INSTANTIATE_TEST_SUITE_P(All, FaultSweep, testing::ValuesIn(all_cases()), name_of);

}  // namespace
}  // namespace godwit::pair
