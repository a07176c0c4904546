#include "godwit/rig/command_rig.h"

#include <utility>

#include "godwit/control/migration_run.h"
#include "godwit/probe/interface_counter.h"
#include "godwit/probe/ping_probe.h"
#include "godwit/steer/law.h"

namespace godwit::rig {
namespace {

/// Of one try whether a guest that was just started answers. A stop request is seen after it.
constexpr Seconds kAnswerTry{1};

/// While it lives, whoever watches is told what is waited for.
class Waiting {
 public:
  Waiting(const CommandRig::OnWait& on_wait, const CommandWait& wait) : on_wait_(on_wait) {
    on_wait_(wait);
  }
  ~Waiting() { on_wait_(std::nullopt); }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;

 private:
  const CommandRig::OnWait& on_wait_;
};

}  // namespace

Result<CommandRig> CommandRig::make(Clock& clock, command::CommandProfile profile, CommandRun run) {
  std::unique_ptr<WireCounter> wire;
  if (!run.interface.empty()) {
    wire = std::make_unique<probe::InterfaceCounter>(run.interface, std::nullopt);
    if (const auto sent = wire->sent(); !sent) return fail(sent.error());
  }
  GODWIT_TRY(auto driver,
             command::CommandDriver::make(clock, std::move(profile), run.vm, run.variables));
  return CommandRig(clock, std::move(driver), std::move(run), std::move(wire));
}

CommandRig::CommandRig(Clock& clock, command::CommandDriver driver, CommandRun run,
                       std::unique_ptr<WireCounter> wire)
    : clock_(&clock), driver_(std::move(driver)), run_(std::move(run)), wire_(std::move(wire)) {}

Result<MigrationOutcome> CommandRig::migrate(OutageProbe* probe, const std::stop_token& stop) {
  const auto session = driver_.session(stop);
  steer::AsPlanned law;
  MigrationPlan plan;
  plan.technique = driver_.profile().technique;
  plan.max_time = run_.max_time;
  return control::run_migration(*clock_, *session, plan, law, {probe, nullptr, wire_.get()}, {},
                                stop);
}

/// Null when nobody asked for it.
std::unique_ptr<OutageProbe> CommandRig::make_probe() const {
  if (run_.ping.address.empty()) return nullptr;
  probe::PingOptions options;
  options.target = run_.ping.address;
  if (!run_.ping.netns.empty()) options.netns = run_.ping.netns;
  return std::make_unique<probe::PingProbe>(options);
}

/// A guest that was just started has to boot first.
Result<void> CommandRig::await_answer(Seconds patience, const std::stop_token& stop) {
  const TimePoint give_up = clock_->now() + patience;
  for (;;) {
    const auto probe = make_probe();
    if (probe == nullptr) return {};
    const auto answered = probe->start(kAnswerTry);
    if (answered || answered.error().code != ErrorCode::kTimeout) return answered;
    if (stop.stop_requested()) {
      return fail(ErrorCode::kInterrupted, "stopped on request", "the VM was started: it runs on");
    }
    if (clock_->now() >= give_up) return answered;
  }
}

Result<void> CommandRig::start_vm(const std::stop_token& stop) {
  GODWIT_CHECK_OK(driver_.start(stop));
  return await_answer(driver_.profile().patience, stop);
}

Result<void> CommandRig::measure(const OnWait& on_wait, const std::stop_token& stop,
                                 std::vector<MigrationOutcome>& outcomes) {
  if (run_.start) {
    const Waiting waiting(on_wait, {0, driver_.profile().patience});
    GODWIT_CHECK_OK(start_vm(stop));
  }
  for (int number = 1; number <= run_.repeats; ++number) {
    if (number > 1) driver_.turn_round();
    const auto probe = make_probe();
    const Waiting waiting(on_wait, {number, run_.max_time});
    GODWIT_TRY(MigrationOutcome outcome, migrate(probe.get(), stop));
    outcomes.push_back(std::move(outcome));
    if (outcomes.back().status != OutcomeStatus::kCompleted) return {};
  }
  if (run_.stop) return driver_.stop_vm(stop);
  return {};
}

}  // namespace godwit::rig
