// Migrations by stand-in commands of every temper.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <thread>

#include "drive_command.h"
#include "testing/stand_ins.h"

namespace godwit::command {
namespace {

using testing::HasSubstr;

/// The file `at` names the host where the VM runs; `migrate` and `cancel` are the test's.
std::string hypervisor(const std::string& migrate, const std::string& cancel = "exit 1") {
  return R"sh(
verb=$1; host=$2; vm=$3
case $verb in
start) echo "$host" > $dir/at ;;
stop) echo "$host $vm" > $dir/stopped; rm $dir/at ;;
status)
  echo x >> $dir/asked
  [ -e $dir/due ] && [ $(wc -l < $dir/asked) -ge $(cat $dir/due) ] && echo b > $dir/at
  [ -e $dir/hangs ] && { echo > $dir/begun; exec sleep 1000; }
  [ -e $dir/twice ] && { echo "$vm running"; exit 0; }
  [ -e $dir/garbled ] && { head -c 300000 /dev/urandom; exit 0; }
  [ -e $dir/failed ] && echo "migration failed"
  [ "$(cat $dir/at)" = "$host" ] && { echo "$vm running"; exit 0; }
  echo "error: no such vm" >&2; exit 1 ;;
migrate)
  echo begun > $dir/begun
  )sh" + migrate +
         R"sh( ;;
cancel)
  )sh" + cancel +
         R"sh( ;;
esac
)sh";
}

const std::map<std::string, std::string> kHosts{{"source", "a"}, {"destination", "b"}};
constexpr const char* kMoves = "echo $host > $dir/at";
constexpr const char* kHangs = "sleep 1000 & wait";
constexpr const char* kUntilCancelled =
    "while [ ! -e $dir/cancelled ]; do sleep 0.01; done; echo 'aborted by user' >&2; exit 1";
constexpr const char* kCancels = "echo > $dir/cancelled";

class FakeProbe final : public OutageProbe {
 public:
  Result<void> start(Seconds) override { return {}; }
  Result<ProbeReport> stop(Seconds) override {
    stopped = true;
    ProbeReport report;
    report.longest_gap = Seconds(0.25);
    report.usual_gap = Seconds(0.05);
    return report;
  }
  [[nodiscard]] bool answered_since(std::int64_t) const override { return true; }
  bool stopped = false;
};

class FakeWire final : public WireCounter {
 public:
  Result<Bytes> sent() override { return Bytes(1000 * ++calls_); }

 private:
  std::int64_t calls_ = 0;
};

class Driver : public testing::Test {
 protected:
  void use(const std::string& script) {
    stand_ins_.command("hv", hypervisor(script));
    stand_ins_.write("at", "a");
  }
  void use(const std::string& script, const std::string& cancel) {
    stand_ins_.command("hv", hypervisor(script, cancel));
    stand_ins_.write("at", "a");
    with_cancel_ = true;
  }
  [[nodiscard]] CommandProfile profile() const {
    auto profile = parse_profile(kStandInProfile);
    EXPECT_TRUE(profile) << profile.error().message;
    if (with_cancel_) profile->cancel = {"hv", "cancel", "{source}"};
    return *profile;
  }
  CommandDriver driver(CommandProfile profile) {
    auto made = CommandDriver::make(clock_, std::move(profile), "vm 1", kHosts);
    EXPECT_TRUE(made) << made.error().message;
    return std::move(*made);
  }
  MigrationOutcome migrate(CommandDriver& driver, Seconds max_time = Seconds(60)) {
    auto outcome =
        command::migrate(*driver_clock_, driver, instruments_, max_time, stop_.get_token());
    EXPECT_TRUE(outcome) << outcome.error().message;
    return outcome.value_or(MigrationOutcome{});
  }
  MigrationOutcome migrate(Seconds max_time = Seconds(60)) {
    CommandDriver made = driver(profile());
    return migrate(made, max_time);
  }
  /// By a clock that moves when the driver waits between two looks, and not while a command runs: a
  /// status that will not come is awaited at once, a slow command as long as it takes.
  MigrationOutcome migrate_hastily(bool waits = true) {
    ManualClock clock;
    CommandProfile hasty = profile();
    hasty.waits = waits;
    hasty.poll = Seconds(1);
    auto made = CommandDriver::make(clock, hasty, "vm 1", kHosts);
    EXPECT_TRUE(made) << made.error().message;
    driver_clock_ = &clock;
    return migrate(*made);
  }
  /// By a migrate command that returns at once.
  MigrationOutcome migrate_polled(Seconds max_time = Seconds(60)) {
    CommandProfile polled = profile();
    polled.waits = false;
    CommandDriver made = driver(polled);
    return migrate(made, max_time);
  }
  /// As Ctrl-C in the middle of a migration.
  std::jthread stop_once_begun() {
    return std::jthread([this] {
      RealClock clock;
      const TimePoint give_up = clock.now() + Seconds(60);
      while (!stand_ins_.has("begun") && clock.now() < give_up) {
        (void)clock.wait_until(clock.now() + Seconds(0.005), {});
      }
      stop_.request_stop();
    });
  }

  StandIns stand_ins_;
  RealClock clock_;
  std::stop_source stop_;
  Clock* driver_clock_ = &clock_;
  control::Onlookers instruments_;
  bool with_cancel_ = false;
};

TEST_F(Driver, AMigrationIsMeasuredFromOutside) {
  use(kMoves);
  FakeProbe probe;
  FakeWire wire;
  instruments_ = {&probe, nullptr, &wire};
  const MigrationOutcome outcome = migrate();
  EXPECT_EQ(outcome.status, OutcomeStatus::kCompleted) << outcome.reason;
  EXPECT_EQ(outcome.vm_runs_on, VmRunsOn::kDestination);
  EXPECT_EQ(outcome.reason, "");
  EXPECT_TRUE(outcome.total_time);
  EXPECT_EQ(outcome.downtime.probe, Seconds(0.25) - Seconds(0.05));
  EXPECT_FALSE(outcome.downtime.qemu);
  EXPECT_FALSE(outcome.downtime.events);
  EXPECT_EQ(outcome.transferred.wire, Bytes(1000));
  EXPECT_FALSE(outcome.transferred.qemu);
  EXPECT_TRUE(outcome.rounds.empty());
  EXPECT_EQ(outcome.guest.alive, true);
  EXPECT_TRUE(probe.stopped);
}

/// Raises the downtime limit at every look.
class Raising final : public steer::Law {
 public:
  [[nodiscard]] std::string_view name() const override { return "raising"; }
  Order at_look(const steer::RoundView&) override {
    Order order;
    order.downtime_limit = Seconds(1);
    order.why = "it takes long";
    return order;
  }
};

TEST_F(Driver, AnyLawRunsOnItAndIsToldWhatACommandLineCannotDo) {
  use("while [ ! -e $dir/seen ]; do sleep 0.01; done; echo $host > $dir/at");
  CommandDriver made = driver(profile());
  const auto session = made.session({});
  Raising law;
  control::RunOptions options;
  options.on_progress = [this](const control::Progress&) { stand_ins_.write("seen", ""); };
  const auto outcome = control::run_migration(clock_, *session, {}, law, {}, options, {});
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->status, OutcomeStatus::kCompleted) << outcome->reason;
  ASSERT_EQ(outcome->orders.size(), 1u) << "said once, not at every look";
  EXPECT_THAT(outcome->orders.front().refused, HasSubstr("no limits to be changed"));
}

TEST_F(Driver, WhatWasNotMeasuredIsAbsentAndNeverZero) {
  use(kMoves);
  const MigrationOutcome outcome = migrate();
  EXPECT_FALSE(outcome.downtime.probe);
  EXPECT_FALSE(outcome.transferred.wire);
  EXPECT_FALSE(outcome.guest.alive);
}

TEST_F(Driver, TheTotalTimeIsTheGivenClocks) {
  // Two looks before, two each time: the fourth time sees it there.
  use("echo 8 > $dir/due");
  const MigrationOutcome outcome = migrate_hastily(false);
  EXPECT_EQ(outcome.status, OutcomeStatus::kCompleted) << outcome.reason;
  EXPECT_EQ(outcome.total_time, Seconds(3));
}

TEST_F(Driver, ToAndFroStartedBeforeAndStoppedAfterwards) {
  use(kMoves);
  CommandDriver made = driver(profile());
  ASSERT_TRUE(made.start({}));
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(migrate(made).status, OutcomeStatus::kCompleted);
    made.turn_round();
  }
  ASSERT_TRUE(made.stop_vm({}));
  EXPECT_EQ(stand_ins_.read("stopped"), "b vm 1\n");
}

TEST_F(Driver, AMigrationThatReturnsAtOnceIsPolled) {
  // the fourth look at the destination sees it there
  use("(while [ $(wc -l < $dir/asked) -lt 8 ]; do sleep 0.005; done; echo $host > $dir/at) "
      ">/dev/null 2>&1 &");
  const MigrationOutcome outcome = migrate_polled();
  EXPECT_EQ(outcome.status, OutcomeStatus::kCompleted) << outcome.reason;
  EXPECT_TRUE(outcome.total_time);
}

TEST_F(Driver, APolledMigrationThatFailsIsTold) {
  use("echo > $dir/failed");
  const MigrationOutcome outcome = migrate_polled();
  EXPECT_EQ(outcome.status, OutcomeStatus::kFailed);
  EXPECT_EQ(outcome.vm_runs_on, VmRunsOn::kSource);
  EXPECT_THAT(outcome.reason, HasSubstr("status says that the migration failed"));
}

TEST_F(Driver, APolledMigrationIsGivenUpInTime) {
  use("exit 0", kCancels);
  const MigrationOutcome outcome = migrate_polled(Seconds(0.1));
  EXPECT_EQ(outcome.status, OutcomeStatus::kDidNotConverge);
  EXPECT_EQ(outcome.vm_runs_on, VmRunsOn::kSource);
  EXPECT_TRUE(stand_ins_.has("cancelled"));
}

TEST_F(Driver, ARefusalIsQuotedAndTheVmIsWhereItWas) {
  use("echo progress >&2; echo 'error: no route to host' >&2; exit 7");
  const MigrationOutcome outcome = migrate();
  EXPECT_EQ(outcome.status, OutcomeStatus::kFailed);
  EXPECT_EQ(outcome.vm_runs_on, VmRunsOn::kSource);
  EXPECT_THAT(outcome.reason, HasSubstr("failed (7): error: no route to host"));
  EXPECT_THAT(outcome.reason, HasSubstr("'hv migrate b vm 1'"));
  EXPECT_TRUE(outcome.total_time) << "it did end";
}

TEST_F(Driver, ACommandThatEndsWellButMovesNothingHasFailed) {
  use("exit 0");
  const MigrationOutcome outcome = migrate_hastily();
  EXPECT_EQ(outcome.status, OutcomeStatus::kFailed);
  EXPECT_EQ(outcome.vm_runs_on, VmRunsOn::kSource);
  EXPECT_THAT(outcome.reason, HasSubstr("not seen on the destination"));
}

TEST_F(Driver, AVmThatRunsOnBothSidesIsSaid) {
  use("echo > $dir/twice");
  const MigrationOutcome outcome = migrate_hastily();
  EXPECT_EQ(outcome.status, OutcomeStatus::kFailed);
  EXPECT_EQ(outcome.vm_runs_on, VmRunsOn::kUnknown);
  EXPECT_THAT(outcome.reason, HasSubstr("source: runs, destination: runs"));
}

TEST_F(Driver, AVmThatRunsOnNoSideIsSaid) {
  use("rm $dir/at; echo 'error: out of memory' >&2; exit 1");
  const MigrationOutcome outcome = migrate_hastily();
  EXPECT_EQ(outcome.status, OutcomeStatus::kFailed);
  EXPECT_EQ(outcome.vm_runs_on, VmRunsOn::kUnknown);
  EXPECT_THAT(outcome.reason, HasSubstr("out of memory"));
  EXPECT_THAT(outcome.reason, HasSubstr("source: not there, destination: not there"));
}

TEST_F(Driver, WithoutACancelCommandItMayGoOnAndNobodyClaimsToKnow) {
  use(kHangs);
  const MigrationOutcome outcome = migrate(Seconds(0.1));
  EXPECT_EQ(outcome.status, OutcomeStatus::kDidNotConverge);
  EXPECT_EQ(outcome.vm_runs_on, VmRunsOn::kUnknown);
  EXPECT_THAT(outcome.reason, HasSubstr("no cancel command; the migration may go on"));
  EXPECT_THAT(outcome.reason, HasSubstr("source: runs"));
  EXPECT_FALSE(outcome.total_time) << "it did not end";
}

TEST_F(Driver, TooLateItIsCancelled) {
  use(kUntilCancelled, kCancels);
  const MigrationOutcome outcome = migrate(Seconds(0.1));
  EXPECT_EQ(outcome.status, OutcomeStatus::kDidNotConverge);
  EXPECT_EQ(outcome.vm_runs_on, VmRunsOn::kSource);
  EXPECT_THAT(outcome.reason, HasSubstr("longer than 0.1 s; cancelled"));
}

TEST_F(Driver, CtrlCCancels) {
  use(kUntilCancelled, kCancels);
  const std::jthread stopper = stop_once_begun();
  const MigrationOutcome outcome = migrate();
  EXPECT_EQ(outcome.status, OutcomeStatus::kCancelled);
  EXPECT_EQ(outcome.vm_runs_on, VmRunsOn::kSource);
}

TEST_F(Driver, CtrlCWhileTheStatusHangsStartsNothing) {
  use("echo > $dir/ordered");
  stand_ins_.write("hangs", "");
  CommandDriver made = driver(profile());
  const std::jthread stopper = stop_once_begun();
  const auto outcome = command::migrate(clock_, made, {}, Seconds(60), stop_.get_token());
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, ErrorCode::kInterrupted);
  EXPECT_FALSE(stand_ins_.has("ordered"));
}

TEST_F(Driver, ACancelTooLateForAPolledMigrationLeavesACompletedOne) {
  use("exit 0", "echo b > $dir/at");
  const MigrationOutcome outcome = migrate_polled(Seconds(0.1));
  EXPECT_EQ(outcome.status, OutcomeStatus::kCompleted) << outcome.reason;
  EXPECT_EQ(outcome.vm_runs_on, VmRunsOn::kDestination);
}

TEST_F(Driver, ACancelThatComesTooLateLeavesACompletedMigration) {
  use("while [ ! -e $dir/cancelled ]; do sleep 0.01; done; echo $host > $dir/at", kCancels);
  const MigrationOutcome outcome = migrate(Seconds(0.1));
  EXPECT_EQ(outcome.status, OutcomeStatus::kCompleted) << outcome.reason;
  EXPECT_EQ(outcome.vm_runs_on, VmRunsOn::kDestination);
}

TEST_F(Driver, ACancelThatFailsIsTold) {
  use(kHangs, "echo 'no job' >&2; exit 1");
  const MigrationOutcome outcome = migrate(Seconds(0.1));
  EXPECT_EQ(outcome.status, OutcomeStatus::kDidNotConverge);
  EXPECT_EQ(outcome.vm_runs_on, VmRunsOn::kUnknown);
  EXPECT_THAT(outcome.reason,
              HasSubstr("could not be cancelled: 'hv cancel a' failed (1): no job"));
}

TEST_F(Driver, ACommandKilledInTheMiddleTellsNothingOfTheMigration) {
  use("kill -9 $$");
  const MigrationOutcome outcome = migrate();
  EXPECT_EQ(outcome.status, OutcomeStatus::kFailed);
  EXPECT_EQ(outcome.vm_runs_on, VmRunsOn::kUnknown);
  EXPECT_THAT(outcome.reason, HasSubstr("ended by signal 9; the migration may go on"));
}

TEST_F(Driver, GarbageFromTheMigrateCommandIsNoHarm) {
  use("head -c 3000000 /dev/urandom; head -c 3000000 /dev/urandom >&2; echo $host > $dir/at");
  EXPECT_EQ(migrate().status, OutcomeStatus::kCompleted);
}

TEST_F(Driver, GarbageFromTheStatusMeansThatNobodyKnows) {
  use("echo > $dir/garbled");
  const MigrationOutcome outcome = migrate_hastily();
  EXPECT_EQ(outcome.status, OutcomeStatus::kFailed);
  EXPECT_EQ(outcome.vm_runs_on, VmRunsOn::kUnknown);
  EXPECT_EQ(outcome.reason.find('\n'), std::string::npos);
}

TEST_F(Driver, NothingIsStartedForAVmThatDoesNotRunOnTheSource) {
  use(kMoves);
  stand_ins_.write("at", "elsewhere");
  CommandDriver made = driver(profile());
  FakeProbe probe;
  const auto outcome = command::migrate(clock_, made, {&probe}, Seconds(60), {});
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, ErrorCode::kRefused);
  EXPECT_THAT(outcome.error().message, HasSubstr("source: not there, destination: not there"));
  EXPECT_FALSE(stand_ins_.has("begun"));
}

TEST_F(Driver, AHangingCommandIsEndedAndSaysSo) {
  use(kMoves);
  CommandProfile hasty = profile();
  hasty.patience = Seconds(0.1);
  hasty.start = {"sleep", "1000"};
  const auto started = driver(hasty).start({});
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, ErrorCode::kTimeout);
}

TEST_F(Driver, ARefusedStartQuotesTheLastLine) {
  use(kMoves);
  CommandProfile refused = profile();
  refused.start = {"sh", "-c", "echo one >&2; echo 'out of memory' >&2; exit 2"};
  const auto started = driver(refused).start({});
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, ErrorCode::kRefused);
  EXPECT_THAT(started.error().message, HasSubstr("failed (2): out of memory"));
}

TEST_F(Driver, AProgramThatIsMissingIsNamedBeforeAnythingRuns) {
  CommandProfile missing = profile();
  missing.migrate = {"godwit-no-such-program"};
  use(kMoves);
  const auto made = CommandDriver::make(clock_, missing, "vm", kHosts);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, ErrorCode::kEnvironment);
  EXPECT_THAT(made.error().message, HasSubstr("godwit-no-such-program"));
}

TEST_F(Driver, ValuesThatNoCommandShouldBeGivenAreRefused) {
  use(kMoves);
  const auto refused = [this](const CommandProfile& profile, const std::string& vm,
                              const std::map<std::string, std::string>& values) {
    const auto made = CommandDriver::make(clock_, profile, vm, values);
    return !made && made.error().code == ErrorCode::kBadInput && !made.error().what_to_do.empty();
  };
  EXPECT_TRUE(refused(profile(), "vm", {{"source", "a"}}));
  EXPECT_TRUE(refused(profile(), "vm", {{"source", "a"}, {"destination", "b"}, {"x", "y"}}));
  for (const char* vm : {"", "--all", "a\nb"}) EXPECT_TRUE(refused(profile(), vm, kHosts)) << vm;
  EXPECT_FALSE(refused(profile(), "it's (1)", kHosts)) << "no shell reads it";
  CommandProfile plain = profile();
  plain.plain_values = true;
  for (const char* vm : {"it's", "a b", "a;b", "$x", "a&b", "%PATH%"}) {
    EXPECT_TRUE(refused(plain, vm, kHosts)) << vm;
  }
  EXPECT_FALSE(refused(plain, "vm-1.example", kHosts));
}

}  // namespace
}  // namespace godwit::command
