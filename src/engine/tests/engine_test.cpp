// The main job whole, without a process: hypervisors and a guest on a simulated clock, a store and
// a journal of the test's own.

#include "godwit/engine/engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <optional>

#include "fake_dirty_vm.h"
#include "godwit/engine/history.h"
#include "godwit/store/journal.h"
#include "sanitized.h"
#include "scratch.h"
#include "world.h"

namespace godwit::engine {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using Fault = pair::FakePair::Fault;

const QmpVm kVm{World::kSource};
const QmpDestination kThere{World::kDestination, World::kStream, World::kStream};

class EngineTest : public Scratch {
 protected:
  [[nodiscard]] Places places() const {
    return Places(
        [this](const char* name) {
          return std::string_view(name).starts_with("XDG_") ? folder_.c_str() : nullptr;
        },
        false);
  }
  [[nodiscard]] Engine engine(World& world) const {
    return Engine(world.hosts.clock, std::make_unique<TestOpener>(world), places(),
                  stop_.get_token());
  }
  static Request request() {
    Request request;
    request.link = Link{40_MB_per_s, {}};
    request.observe = Seconds(2);
    return request;
  }
  static Request request_without_profile() {
    Request request = EngineTest::request();
    request.profile = false;
    request.keep = false;
    return request;
  }

  Result<PlannedMigration> plan(const Request& request) {
    Engine engine = this->engine(world_);
    GODWIT_TRY(OpenPair pair, engine.open_pair(kVm, kThere, {}));
    return engine.plan(pair, request, notes_);
  }
  /// Plans and executes.
  Result<OutcomeRecord> migrate(World& world, const Request& request) {
    Engine engine = this->engine(world);
    GODWIT_TRY(OpenPair pair, engine.open_pair(kVm, kThere, {}));
    GODWIT_TRY(const PlannedMigration planned, engine.plan(pair, request, notes_));
    return engine.execute(pair, planned, notes_);
  }
  Result<OutcomeRecord> migrate(const Request& request) { return migrate(world_, request); }

  [[nodiscard]] std::vector<JournalEntry> journal() const {
    return store::read_journal(places().journal().value()).value();
  }
  [[nodiscard]] std::vector<OutcomeRecord> kept() const {
    return open_store(places(), "").value()->find({}).value();
  }
  void expect_refused(const Request& request, ErrorCode code, const std::string& why) {
    const auto planned = plan(request);
    ASSERT_FALSE(planned) << why << "; " << to_string(planned->plan.technique);
    EXPECT_EQ(planned.error().code, code) << planned.error().message;
    EXPECT_THAT(planned.error().message, HasSubstr(why));
    EXPECT_TRUE(world_.is_untouched()) << why;
    EXPECT_THAT(journal(), IsEmpty());
  }

  World world_;
  Notes notes_;
  std::stop_source stop_;
};

// --- plan and execute ---

TEST_F(EngineTest, ARequestIsPlannedRunAndKept) {
  Request wanted = request();
  wanted.intent.max_downtime = Seconds(5);
  const auto done = migrate(wanted);
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(done->outcome.status, OutcomeStatus::kCompleted) << done->outcome.reason;
  EXPECT_EQ(done->outcome.vm_runs_on, VmRunsOn::kDestination);
  EXPECT_EQ(done->outcome.requested.technique, "auto");
  EXPECT_EQ(world_.pair.most_running(), 1);
  EXPECT_THAT(notes_.steps,
              ElementsAre("observing", "profiled", "predicted", "migrating", "ended"));
  EXPECT_GT(notes_.looks, 0);
  EXPECT_GT(notes_.progress, 0);
  EXPECT_THAT(journal(), IsEmpty());
  ASSERT_EQ(kept().size(), 1U);
  EXPECT_EQ(kept().front().id, done->id);
  EXPECT_EQ(kept().front().outcome.status, OutcomeStatus::kCompleted);
  EXPECT_TRUE(kept().front().profile);
  EXPECT_TRUE(kept().front().predicted);
  EXPECT_EQ(done->source, "qmp:/run/src.qmp");
  EXPECT_EQ(done->destination, "qmp:/run/dst.qmp@tcp:10.0.0.2:4444");
}

TEST_F(EngineTest, QemusOfOnesOwnAreNotAskedToEncrypt) {
  Request wanted = request();
  wanted.tls = true;
  expect_refused(wanted, ErrorCode::kUnsupported, "is set on them");
}

TEST_F(EngineTest, GodwitsLawKeepsWhatGodwitChoseAndANamedTechniqueRunsAsItIs) {
  Request wanted = request();
  wanted.intent.max_downtime = Seconds(5);
  const auto chosen = plan(wanted);
  ASSERT_TRUE(chosen) << chosen.error().message;
  EXPECT_EQ(chosen->requested.law, "godwit");
  EXPECT_TRUE(chosen->plan.is_promised);
  EXPECT_EQ(chosen->plan.parameters.downtime_limit, chosen->expected->parameters.downtime_limit);
  wanted.technique = Technique::kPrecopy;
  const auto named = plan(wanted);
  ASSERT_TRUE(named) << named.error().message;
  EXPECT_EQ(named->requested.law, "none");
  EXPECT_FALSE(named->plan.is_promised);
  EXPECT_FALSE(named->plan.may_end_by_postcopy);
}

TEST_F(EngineTest, WithoutAGoalGodwitsLawChangesNothingOfThePlan) {
  Request wanted = request();
  wanted.law = "godwit";
  wanted.technique = Technique::kPrecopy;
  const auto by_default = plan(wanted);
  ASSERT_TRUE(by_default) << by_default.error().message;
  World fresh;
  wanted.law = "none";
  Engine engine = this->engine(fresh);
  auto pair = engine.open_pair(kVm, kThere, {});
  ASSERT_TRUE(pair);
  const auto left_alone = engine.plan(*pair, wanted, notes_);
  ASSERT_TRUE(left_alone);
  EXPECT_EQ(by_default->plan, left_alone->plan);
  EXPECT_FALSE(by_default->plan.may_end_by_postcopy);
  const auto done = migrate(wanted);
  ASSERT_TRUE(done);
  EXPECT_THAT(done->outcome.orders, IsEmpty());
}

TEST_F(EngineTest, AGoalSetsGodwitsLawToWork) {
  Request wanted = request();
  wanted.law = "godwit";
  wanted.technique = Technique::kPrecopy;
  wanted.intent.max_downtime = Seconds(5);
  const auto steered = plan(wanted);
  ASSERT_TRUE(steered) << steered.error().message;
  EXPECT_TRUE(steered->plan.may_end_by_postcopy);
  EXPECT_EQ(steered->plan.parameters.downtime_limit, Seconds(0.01));

  wanted.observe_only = true;
  const auto shadowed = plan(wanted);
  ASSERT_TRUE(shadowed);
  EXPECT_NE(shadowed->plan.parameters.downtime_limit, Seconds(0.01)) << "nothing is changed";

  wanted = request_without_profile();
  wanted.law = "godwit";
  wanted.intent.max_downtime = Seconds(5);
  const auto unknown = plan(wanted);
  ASSERT_TRUE(unknown);
  EXPECT_EQ(unknown->plan.parameters.downtime_limit, Seconds(5)) << "as asked for";
  EXPECT_FALSE(unknown->plan.may_end_by_postcopy);
}

TEST_F(EngineTest, APlanMeetsTheIntentAndIsWhatTheRecordPromises) {
  Request wanted = request();
  wanted.intent.max_downtime = Seconds(5);
  wanted.intent.max_time = Seconds(100);
  const auto planned = plan(wanted);
  ASSERT_TRUE(planned) << planned.error().message;
  ASSERT_TRUE(planned->expected);
  EXPECT_LE(planned->expected->total_time->p50, Seconds(100));
  EXPECT_EQ(planned->plan.max_time, Seconds(100));
  EXPECT_EQ(planned->plan.parameters.max_bandwidth, 40_MB_per_s);
  const TechniquePrediction* promised = find(*planned->before.predicted, planned->plan.technique);
  ASSERT_NE(promised, nullptr);
  EXPECT_EQ(*promised, *planned->expected);
  EXPECT_TRUE(world_.is_untouched()) << "a plan changes nothing";
}

TEST_F(EngineTest, AnIntentThatNothingMeetsIsRefusedAndThePredictionSaysWhy) {
  Request wanted = request();
  wanted.intent.max_bytes = Bytes(1000);
  expect_refused(wanted, ErrorCode::kImpossible, "");
  ASSERT_TRUE(notes_.prediction);
  EXPECT_FALSE(notes_.prediction->predictions.empty());
}

TEST_F(EngineTest, AnExplicitTechniqueRunsThoughItMeetsNothing) {
  Request wanted = request();
  wanted.technique = Technique::kPostcopy;
  wanted.intent.max_downtime = Seconds(1e-6);
  const auto planned = plan(wanted);
  ASSERT_TRUE(planned) << planned.error().message;
  EXPECT_EQ(planned->plan.technique, Technique::kPostcopy);
  EXPECT_EQ(planned->requested.technique, "postcopy");
}

TEST_F(EngineTest, WithoutAProfileNothingIsReadNorPredicted) {
  world_.may_read_memory = false;
  Request wanted = request_without_profile();
  wanted.intent.max_downtime = Seconds(0.5);
  const auto planned = plan(wanted);
  ASSERT_TRUE(planned) << planned.error().message;
  EXPECT_EQ(planned->plan.technique, Technique::kPrecopy);
  EXPECT_EQ(planned->plan.parameters.downtime_limit, Seconds(0.5));
  EXPECT_FALSE(planned->before.predicted);
  EXPECT_FALSE(planned->expected);
  EXPECT_THAT(notes_.steps, IsEmpty());
}

TEST_F(EngineTest, AStopEndsTheMigrationAndTheGuestStays) {
  stop_.request_stop();
  const auto done = migrate(request_without_profile());
  if (done) {
    EXPECT_EQ(done->outcome.status, OutcomeStatus::kCancelled);
    EXPECT_EQ(done->outcome.vm_runs_on, VmRunsOn::kSource);
  }
  EXPECT_EQ(world_.pair.source.state, RunState::kRunning);
  EXPECT_THAT(journal(), IsEmpty());
}

TEST_F(EngineTest, WhatChangedSinceThePlanIsSeenBeforeAnythingIsStarted) {
  Engine engine = this->engine(world_);
  auto pair = engine.open_pair(kVm, kThere, {});
  ASSERT_TRUE(pair);
  const auto planned = engine.plan(*pair, request_without_profile(), notes_);
  ASSERT_TRUE(planned) << planned.error().message;
  world_.pair.destination.state = RunState::kRunning;
  const auto done = engine.execute(*pair, *planned, notes_);
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().message, HasSubstr("does not wait for a migration"));
  EXPECT_TRUE(world_.is_untouched());
  EXPECT_THAT(notes_.steps, IsEmpty());
}

TEST_F(EngineTest, ACombinationIsPredictedAndPlannedByItsParts) {
  Request wanted = request();
  wanted.technique = parse_technique("xbzrle+auto-converge").value();
  const auto planned = plan(wanted);
  ASSERT_TRUE(planned) << planned.error().message;
  EXPECT_EQ(planned->plan.technique, *wanted.technique);
  EXPECT_EQ(planned->requested.technique, "xbzrle+auto-converge");
  ASSERT_TRUE(planned->expected);
  EXPECT_EQ(planned->expected->technique, *wanted.technique);
  EXPECT_NE(find(*planned->before.predicted, *wanted.technique), nullptr);
}

TEST_F(EngineTest, WhatHasNoGroundIsRunWithoutAPromise) {
  for (auto* side : {&world_.pair.source, &world_.pair.destination}) side->version_minor = 1;
  Request wanted = request();
  wanted.technique = parse_technique("multifd+hybrid").value();
  const auto planned = plan(wanted);
  ASSERT_TRUE(planned) << planned.error().message;
  EXPECT_EQ(planned->plan.technique, *wanted.technique);
  ASSERT_TRUE(planned->expected);
  EXPECT_FALSE(planned->expected->grounded);
  EXPECT_EQ(planned->plan.parameters.precopy_share, Ratio(1));
}

TEST_F(EngineTest, ALawMayEndByPostcopyWhatBothSidesCombineWithIt) {
  const auto may = [this](const char* technique) {
    Request wanted = request_without_profile();
    wanted.technique = parse_technique(technique).value();
    wanted.law = "nova";
    const auto planned = plan(wanted);
    EXPECT_TRUE(planned) << planned.error().message;
    return planned && planned->plan.may_end_by_postcopy;
  };
  EXPECT_TRUE(may("precopy"));
  EXPECT_TRUE(may("xbzrle+auto-converge"));
  EXPECT_FALSE(may("stop-and-copy"));
  EXPECT_FALSE(may("multifd")) << "QEMU 10.0 can't";
  world_.pair.source.version_minor = 1;
  EXPECT_FALSE(may("multifd")) << "the destination can't";
  world_.pair.destination.version_minor = 1;
  EXPECT_TRUE(may("multifd"));
}

// --- refusals ---

TEST_F(EngineTest, MemoryThatCannotBeReadIsSaidFirstWithAWayOut) {
  world_.may_read_memory = false;
  const auto planned = plan(request());
  ASSERT_FALSE(planned);
  EXPECT_EQ(planned.error().code, ErrorCode::kPermission);
  EXPECT_THAT(planned.error().what_to_do, HasSubstr("without a prediction"));
}

TEST_F(EngineTest, WhatCannotBeMeantIsRefused) {
  Request wanted = request();
  wanted.law = "wishful";
  expect_refused(wanted, ErrorCode::kBadInput, "wishful");
  wanted = request();
  wanted.technique = Technique::kHybrid;
  wanted.intent.no_postcopy = true;
  expect_refused(wanted, ErrorCode::kBadInput, "which is excluded");
  wanted = request_without_profile();
  wanted.intent.max_bytes = 1_GB;
  expect_refused(wanted, ErrorCode::kBadInput, "needs a prediction");
  wanted.technique = Technique::kPrecopy;
  expect_refused(wanted, ErrorCode::kBadInput, "needs a prediction");
  wanted.intent.max_bytes.reset();
  EXPECT_TRUE(check(wanted)) << "an explicit technique always runs";
}

TEST_F(EngineTest, AnUnfitDestinationIsRefused) {
  world_.pair.destination.state = RunState::kRunning;
  expect_refused(request(), ErrorCode::kBadInput, "does not wait for a migration");
  world_.pair.destination.state = RunState::kInmigrate;
  world_.pair.source.state = RunState::kShutdown;
  expect_refused(request(), ErrorCode::kBadInput, "cannot be moved");
}

TEST_F(EngineTest, AStoreThatCannotBeWrittenIsSaidBeforeAnythingIsTouched) {
  Request wanted = request();
  wanted.store = "/proc/nowhere/outcomes.db";
  const auto planned = plan(wanted);
  ASSERT_FALSE(planned);
  EXPECT_EQ(planned.error().what_to_do.text().find("XDG_DATA_HOME"), std::string::npos)
      << "somebody named that place";
  EXPECT_TRUE(world_.is_untouched());
  const Places nowhere([](const char*) { return "/proc/nowhere"; }, false);
  const auto store = open_store(nowhere, "");
  ASSERT_FALSE(store);
  EXPECT_THAT(store.error().what_to_do, HasSubstr("XDG_DATA_HOME"));
}

TEST_F(EngineTest, TheSourceItselfIsNoDestinationAndIsNotConnectedToTwice) {
  Engine engine = this->engine(world_);
  const auto pair = engine.open_pair(kVm, {World::kSource, World::kStream, World::kStream}, {});
  ASSERT_FALSE(pair);
  EXPECT_THAT(pair.error().message, HasSubstr("the destination is the source"));
  EXPECT_EQ(world_.hosts.calls, 0);
}

// --- what is known from before ---

TEST_F(EngineTest, ThePairsHistorySetsTheLinkHoweverManyOthersThereAre) {
  const auto store = open_store(places(), "");
  ASSERT_TRUE(store) << store.error().message;
  OutcomeRecord earlier;
  earlier.destination = "qmp:/other.qmp@tcp:10.0.0.2:9999";
  earlier.outcome.status = OutcomeStatus::kCompleted;
  earlier.outcome.total_time = Seconds(10);
  earlier.outcome.transferred.qemu = 500_MB;
  ASSERT_TRUE((*store)->append(earlier));
  earlier.destination = "qmp:/other.qmp@tcp:10.0.0.3:9999";
  earlier.outcome.transferred.qemu = 900_MB;
  for (int i = 0; i < 120; ++i) ASSERT_TRUE((*store)->append(earlier));
  Request wanted = request();
  wanted.link.reset();
  wanted.technique = Technique::kPrecopy;
  const auto planned = plan(wanted);
  ASSERT_TRUE(planned) << planned.error().message;
  ASSERT_TRUE(notes_.link);
  EXPECT_EQ(notes_.link->link.rate, 50_MB_per_s);
  EXPECT_EQ(planned->before.link->rate, 50_MB_per_s);
  EXPECT_FALSE(planned->plan.parameters.max_bandwidth) << "an estimate is no order";
}

TEST_F(EngineTest, ARoundTripThatNobodyNamedIsMeasured) {
  world_.round_trip = Seconds(0.02);
  Request wanted = request();
  wanted.technique = Technique::kPrecopy;
  auto planned = plan(wanted);
  ASSERT_TRUE(planned) << planned.error().message;
  EXPECT_EQ(planned->before.link, (Link{40_MB_per_s, Seconds(0.02)}));
  wanted.link.reset();
  planned = plan(wanted);
  ASSERT_TRUE(planned) << planned.error().message;
  EXPECT_EQ(planned->before.link->round_trip, Seconds(0.02))
      << "over a link that is estimated, too";
  wanted.link = Link{40_MB_per_s, Seconds(0.005)};
  planned = plan(wanted);
  ASSERT_TRUE(planned) << planned.error().message;
  EXPECT_EQ(planned->before.link->round_trip, Seconds(0.005)) << "what was named holds";
}

// --- rehearsal ---

TEST_F(EngineTest, ARehearsalThatCannotBeLeavesAProfileWithoutIt) {
  Request wanted = request();
  wanted.rehearse = Rehearse::kAlways;
  wanted.technique = Technique::kPrecopy;
  const auto planned = plan(wanted);
  ASSERT_TRUE(planned) << planned.error().message;
  EXPECT_THAT(notes_.steps, ElementsAre("observing", "rehearsing", "profiled", "predicted"));
  EXPECT_THAT(notes_.warnings, Contains(HasSubstr("profiled without a rehearsal")));
  EXPECT_EQ(planned->before.profile->source, DirtySource::kContentHash);
  ASSERT_TRUE(planned->rehearsed && planned->rehearsed->failed);
  EXPECT_FALSE(planned->rehearsed->rehearsal);
}

/// A VM on which a rehearsal works, seen to use all of a vCPU and to write next to nothing.
class Suspect : public EngineTest {
 protected:
  Suspect() {
    vm_.curve = [](Seconds window) { return 8_MiB * Ratio(window.count()); };
    profile_.ram = 1_GiB;
    profile_.vcpu_use = 1;
    saw_within_a_second(1_MiB);
    profile_.changed_contents = PageContents();
  }
  void saw_within_a_second(Bytes written) {
    profile_.dirty_curve.clear();
    for (const double window : {0.125, 0.25, 0.5, 1.0}) {
      const Bytes unique = written * Ratio(window);
      profile_.dirty_curve.push_back({Seconds(window), unique, unique, unique});
    }
  }
  Rehearsed rehearse(Rehearse when, const Intent& intent = {}) {
    auto opener = std::make_unique<TestOpener>(
        std::map<std::string, Hypervisor*>{{World::kSource, &vm_}}, &world_);
    Engine engine(vm_.clock, std::move(opener), places(), stop_.get_token());
    auto opened = engine.open(kVm, Access::kObserve);
    EXPECT_TRUE(opened) << opened.error().message;
    auto done =
        engine.rehearse_where_due(profile_, *opened, "qmp:/run/src.qmp", when, intent, notes_);
    EXPECT_TRUE(done) << done.error().message;
    return *done;
  }

  pair::FakeDirtyVm vm_;
  GuestProfile profile_;
};

TEST_F(Suspect, IsRehearsedByItself) {
  const Rehearsed done = rehearse(Rehearse::kWhereDue);
  ASSERT_TRUE(done.rehearsal);
  EXPECT_THAT(done.why, HasSubstr("1.00 MiB written for each second of vCPU time"));
  EXPECT_EQ(notes_.why_rehearsed, done.why);
  EXPECT_EQ(profile_.source, DirtySource::kRehearsal);
  EXPECT_FALSE(profile_.changed_contents) << "they are of an eighth of what it writes";
  EXPECT_THAT(journal(), IsEmpty());
}

TEST_F(Suspect, IsLeftAloneWhereThatIsRuledOutOrItsSlowdownIsLimited) {
  EXPECT_FALSE(rehearse(Rehearse::kNever).rehearsal);
  Intent gently;
  gently.max_slowdown = Ratio(0.1);
  const Rehearsed limited = rehearse(Rehearse::kWhereDue, gently);
  EXPECT_FALSE(limited.rehearsal);
  EXPECT_THAT(limited.why, HasSubstr("slowdown is limited"));
  EXPECT_TRUE(rehearse(Rehearse::kAlways, gently).rehearsal) << "who asks for it gets it";
}

TEST_F(Suspect, IsNoneThatWritesAsGuestsDo) {
  saw_within_a_second(40_MiB);
  const Rehearsed done = rehearse(Rehearse::kWhereDue);
  EXPECT_FALSE(done.rehearsal);
  EXPECT_THAT(notes_.steps, IsEmpty());
}

TEST_F(Suspect, GetsItsSettingsBack) {
  saw_within_a_second(6_MiB);
  const MigrationParameters before = vm_.set;
  const Rehearsed done = rehearse(Rehearse::kAlways);
  ASSERT_TRUE(done.rehearsal) << done.failed->message;
  EXPECT_FALSE(done.rehearsal->points.empty());
  EXPECT_THAT(notes_.why_rehearsed, IsEmpty()) << "it was asked for";
  EXPECT_TRUE(profile_.changed_contents) << "hashes saw most of the writing";
  EXPECT_EQ(vm_.set, before);
  EXPECT_THAT(journal(), IsEmpty());
}

// --- QEMU's own count ---

/// A VM on KVM that hashes see nothing of.
class Counted : public EngineTest {
 protected:
  Counted() {
    vm_.curve = [](Seconds window) { return 8_MiB * Ratio(window.count()); };
  }
  Result<GuestProfile> observe(bool count = true) {
    auto opener = std::make_unique<TestOpener>(
        std::map<std::string, Hypervisor*>{{World::kSource, &vm_}}, &world_);
    Engine engine(vm_.clock, std::move(opener), places(), stop_.get_token());
    auto opened = engine.open(kVm, Access::kObserve);
    EXPECT_TRUE(opened) << opened.error().message;
    ObserveRequest request{"qmp:/run/src.qmp", Seconds(1)};
    request.count_dirtied = count;
    return engine.observe(*opened, request, notes_);
  }

  pair::FakeDirtyVm vm_;
};

TEST_F(Counted, HasTheCountInItsProfileAndIsNotRehearsed) {
  const auto profile = observe();
  ASSERT_TRUE(profile) << profile.error().message;
  EXPECT_EQ(profile->source, DirtySource::kDirtyBitmap);
  ASSERT_EQ(profile->other_curves.size(), 1U);
  EXPECT_EQ(profile->other_curves[0].source, DirtySource::kContentHash);
  EXPECT_THAT(notes_.warnings, IsEmpty());
  EXPECT_THAT(journal(), IsEmpty()) << "there is nothing to be given back";
  GuestProfile busy = *profile;
  busy.vcpu_use = 1;
  const auto advice = advise::advise_rehearsal(busy, Rehearse::kWhereDue, {});
  EXPECT_FALSE(advice.due);
  EXPECT_THAT(advice.why, HasSubstr("counted"));
  busy.source = DirtySource::kContentHash;
  EXPECT_TRUE(advise::advise_rehearsal(busy, Rehearse::kWhereDue, {}).due);
}

TEST_F(Counted, IsProfiledByHashesAloneWhereItCannotBe) {
  vm_.refuse_count = "the dirty rate is already being measured.";
  const auto refused = observe();
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->source, DirtySource::kContentHash);
  EXPECT_THAT(notes_.warnings, ElementsAre(HasSubstr("already being measured")));
  notes_.warnings.clear();
  vm_.about.accelerator = "tcg";
  EXPECT_EQ(observe()->source, DirtySource::kContentHash);
  EXPECT_THAT(notes_.warnings, IsEmpty()) << "as ever, of an emulated guest";
}

TEST_F(Counted, IsLeftAloneWhereThatIsWanted) {
  EXPECT_EQ(observe(false)->source, DirtySource::kContentHash);
  EXPECT_THAT(vm_.counted, IsEmpty());
}

TEST_F(Counted, CanBeInterrupted) {
  vm_.before_call = [this](int) {
    if (!vm_.counted.empty()) stop_.request_stop();
  };
  EXPECT_EQ(observe().error().code, ErrorCode::kInterrupted);
}

// --- less time for the vCPUs ---

/// Which can't be done here.
const Error kNotHere{ErrorCode::kPermission, "its control group belongs to root", "become root"};

TEST_F(EngineTest, ALawThatSlowsVcpusIsRefusedWhereThatCannotBeDoneBeforeASecondIsSpent) {
  world_.no_quota = kNotHere;
  for (const char* law : {"jin", "sdps"}) {
    Request wanted = request();
    wanted.law = law;
    expect_refused(wanted, ErrorCode::kPermission, "slows the VM's vCPUs down");
    const auto refused = plan(wanted);
    EXPECT_THAT(refused.error().message, HasSubstr("belongs to root"));
    EXPECT_THAT(refused.error().what_to_do.text(), HasSubstr("become root; or choose another law"));
  }
  EXPECT_THAT(notes_.steps, IsEmpty());
}

TEST_F(EngineTest, ALawThatCanDoWithoutIsWarnedAndRuns) {
  world_.no_quota = kNotHere;
  Request wanted = request();
  wanted.law = "godwit";
  wanted.intent.max_downtime = Seconds(5);
  const auto done = migrate(wanted);
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(done->outcome.status, OutcomeStatus::kCompleted) << done->outcome.reason;
  EXPECT_EQ(std::count_if(notes_.warnings.begin(), notes_.warnings.end(),
                          [](const std::string& one) {
                            return one.find("can't slow the VM's vCPUs down") != std::string::npos;
                          }),
            1)
      << "once";
}

TEST_F(EngineTest, OfALawThatNobodyNamedNobodyIsWarned) {
  world_.no_quota = kNotHere;
  Request wanted = request();
  wanted.intent.max_downtime = Seconds(5);
  const auto done = migrate(wanted);
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(done->outcome.requested.law, "godwit");
  for (const std::string& one : notes_.warnings) EXPECT_THAT(one, Not(HasSubstr("vCPU")));
}

TEST_F(EngineTest, ALawThatSlowsNobodyDownAsksForNothing) {
  world_.no_quota = kNotHere;
  Request wanted = request();
  wanted.law = "kubevirt-ramp";
  wanted.intent.max_downtime = Seconds(5);
  ASSERT_TRUE(migrate(wanted));
  for (const std::string& one : notes_.warnings) EXPECT_THAT(one, Not(HasSubstr("vCPU")));
}

// --- killed ---

class KilledTest : public EngineTest {
 protected:
  /// A migration whose Godwit dies at that call of a monitor. False where it lived to the end.
  bool dies_at_call(World& world, int call) {
    world.hosts.fault = Fault::kGodwitDies;
    world.hosts.fault_at_call = call;
    try {
      (void)migrate(world, request_without_profile());
    } catch (const pair::FakePair::GodwitDied&) {
      leave_to_a_successor();
      world.hosts.fault_at_call = -1;
      world.hosts.godwit_is_dead = false;
      world.hosts.calls = 0;
      return true;
    }
    return false;
  }
  /// The journal's writer is this process, which lives on: another one that is gone takes its
  /// place.
  void leave_to_a_successor() {
    const auto path = places().journal().value();
    const auto entries = journal();
    std::filesystem::remove(path);
    for (JournalEntry entry : entries) {
      entry.writer_started = 1;
      ASSERT_TRUE(store::FileJournal(path).record(entry));
    }
  }
};

TEST_F(KilledTest, AtAnyCallItIsRecoveredWithOneGuestAndNothingBorrowed) {
  int killed_with_entries = 0;
  for (int call = 0;; call += kEachCall) {
    World world;
    if (!dies_at_call(world, call)) break;
    const bool began = !journal().empty();
    killed_with_entries += began ? 1 : 0;
    world.pair.go_on_alone(Seconds(120));
    const auto recovered = engine(world).recover();
    ASSERT_TRUE(recovered) << recovered.error().message;
    ASSERT_EQ(recovered->size(), began ? 1U : 0U) << "call " << call;
    if (began) {
      EXPECT_TRUE(recovered->front().found.finished)
          << "call " << call << ": " << recovered->front().found.was;
      EXPECT_EQ(recovered->front().vm, "qmp:/run/src.qmp");
    }
    EXPECT_EQ(world.pair.source.set, pair::usual_parameters()) << "call " << call;
    EXPECT_EQ(world.pair.destination.set, pair::usual_parameters()) << "call " << call;
    EXPECT_EQ(world.pair.running_guests(), 1) << "call " << call;
    EXPECT_EQ(world.pair.most_running(), 1) << "call " << call;
    EXPECT_THAT(journal(), IsEmpty()) << "call " << call;
  }
  EXPECT_GT(killed_with_entries * kEachCall, 20);
}

/// What goes on by itself is cancelled, or has ended: then it can be moved anew.
TEST_F(KilledTest, AtAnyCallItIsTakenOverAtOnceWithOneGuest) {
  for (int call = 0;; call += kEachCall) {
    World world;
    if (!dies_at_call(world, call)) break;
    const bool began = !journal().empty();
    const auto taken = engine(world).take_over("qmp:/run/src.qmp");
    ASSERT_TRUE(taken) << taken.error().message;
    ASSERT_EQ(taken->has_value(), began) << "call " << call;
    if (began) {
      EXPECT_TRUE((*taken)->found.finished) << "call " << call << ": " << (*taken)->found.was;
    }
    EXPECT_EQ(world.pair.source.set, pair::usual_parameters()) << "call " << call;
    EXPECT_EQ(world.pair.running_guests(), 1) << "call " << call;
    EXPECT_EQ(world.pair.most_running(), 1) << "call " << call;
    EXPECT_FALSE(engine(world).take_over("qmp:/run/src.qmp")->has_value()) << "call " << call;
  }
}

/// Its QEMU may have ended meanwhile: the groups are there still.
TEST_F(KilledTest, TheTimeOfTheVcpusIsGivenBackWhateverBecameOfTheVm) {
  for (const bool source_lives : {true, false}) {
    World world;
    JournalEntry entry;
    entry.source = to_string(VmAddress(kVm));
    entry.destination = to_string(DestinationAddress(kThere));
    entry.source_identity = world.pair.source.describe()->identity;
    entry.destination_identity = world.pair.destination.describe()->identity;
    entry.step = "migrating";
    entry.source_cpu = world.quota.plan().value();
    ASSERT_TRUE(world.quota.limit(Ratio(0.5)));
    ASSERT_TRUE(store::FileJournal(places().journal().value()).record(entry));
    leave_to_a_successor();
    if (!source_lives) world.pair.kill(pair::FakePair::Victim::kSource);
    const auto recovered = engine(world).recover();
    ASSERT_TRUE(recovered) << recovered.error().message;
    ASSERT_EQ(recovered->size(), 1U);
    EXPECT_FALSE(world.quota.share);
    EXPECT_THAT(recovered->front().found.given_back, Contains("source: CPU time of the vCPUs"));
    EXPECT_FALSE(recovered->front().found.left.source_cpu);
    std::filesystem::remove(places().journal().value());
  }
}

/// Godwit is killed while it watches how a VM's disks are written.
TEST_F(KilledTest, AtAnyCallOfAnObservationItsWatchIsEnded) {
  Disk disk;
  disk.device = "disk0";
  disk.size = 64_MiB;
  int watched = 0;
  for (int call = 0;; ++call) {
    World world;
    world.hosts.fault = Fault::kGodwitDies;
    world.hosts.fault_at_call = call;
    bool died = false;
    try {
      Engine engine = this->engine(world);
      auto vm = engine.open(kVm, Access::kDrive);
      ASSERT_TRUE(vm);
      const auto seen =
          engine.observe(*vm, {"qmp:/run/src.qmp", Seconds(1), Ratio(1), {disk}}, notes_);
      ASSERT_TRUE(seen);
      ASSERT_EQ(seen->disks.size(), 1u);
      EXPECT_TRUE(seen->disks.front().writes);
    } catch (const pair::FakePair::GodwitDied&) {
      died = true;
      leave_to_a_successor();
    }
    world.hosts.fault_at_call = -1;
    world.hosts.godwit_is_dead = false;
    if (died) {
      watched += world.pair.source.watched.empty() ? 0 : 1;
      const auto recovered = engine(world).recover();
      ASSERT_TRUE(recovered) << recovered.error().message;
    }
    EXPECT_TRUE(world.pair.source.watched.empty()) << "call " << call;
    EXPECT_EQ(world.pair.running_guests(), 1);
    EXPECT_THAT(journal(), IsEmpty()) << "call " << call;
    if (!died) break;
  }
  EXPECT_GE(watched, 4) << "it died with a watch of its own";
}

TEST_F(KilledTest, NobodyDrivesAVmWhoseVcpusAreStillLimited) {
  World world;
  JournalEntry entry;
  entry.source = to_string(VmAddress(kVm));
  entry.destination = to_string(DestinationAddress(kThere));
  entry.source_identity = world.pair.source.describe()->identity;
  entry.step = "migrating";
  entry.source_cpu = world.quota.plan().value();
  ASSERT_TRUE(world.quota.limit(Ratio(0.5)));
  ASSERT_TRUE(store::FileJournal(places().journal().value()).record(entry));
  leave_to_a_successor();
  world.quota.stuck = true;
  const auto opened = engine(world).open(kVm, Access::kDrive);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::kBusy);
  world.quota.stuck = false;
  EXPECT_TRUE(engine(world).open(kVm, Access::kDrive));
  EXPECT_FALSE(world.quota.share);
}

TEST_F(KilledTest, WhoDrivesItNextGivesBackWhatWasBorrowed) {
  int call = 0;
  for (bool borrowed = false; !borrowed; ++call) {
    World world;
    ASSERT_TRUE(dies_at_call(world, call)) << "nothing was ever borrowed";
    borrowed = !(world.pair.source.set == pair::usual_parameters());
    if (!borrowed) {
      std::filesystem::remove(places().journal().value());
      continue;
    }
    world.pair.go_on_alone(Seconds(120));
    const auto opened = engine(world).open(kVm, Access::kDrive);
    ASSERT_TRUE(opened) << opened.error().message;
    EXPECT_EQ(world.pair.source.set, pair::usual_parameters());
  }
}

TEST_F(KilledTest, AnothersMigrationOfTheSameNamesAtOnceIsLeftAlone) {
  std::optional<World> killed;
  for (int call = 0; journal().empty(); ++call) {
    killed.emplace();
    ASSERT_TRUE(dies_at_call(*killed, call));
  }
  const auto left = journal();
  World other;
  other.hosts.vm = "another VM";
  const auto done = migrate(other, request_without_profile());
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(done->outcome.status, OutcomeStatus::kCompleted);
  EXPECT_EQ(journal(), left);
}

}  // namespace
}  // namespace godwit::engine
