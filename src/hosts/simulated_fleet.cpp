#include "godwit/hosts/simulated_fleet.h"

#include <fmt/format.h>

#include <functional>
#include <utility>

#include "godwit/base/clock.h"
#include "godwit/control/migration_run.h"
#include "godwit/model/dirty_curve.h"
#include "godwit/steer/law.h"
#include "godwit/twin/session.h"
#include "simulated_vm.h"

namespace godwit::hosts {
namespace {

/// Windows of a profile's curve, in seconds, as `godwit profile` takes them.
constexpr double kWindows[] = {0.125, 0.25, 0.5, 1, 2, 4, 8};

}  // namespace

GuestProfile profile_of(const std::string& vm, const ListedVm& listed) {
  GuestProfile profile;
  profile.vm = vm;
  profile.ram = *listed.memory;
  profile.observed = Seconds(8);
  profile.vcpus = listed.vcpus;
  for (const double window : kWindows) {
    const auto& [rate, working_set] = *listed.load;
    const Bytes dirty =
        rate.value() > 0 ? model::uniform_writer(working_set, rate, Seconds(window)) : Bytes();
    profile.dirty_curve.push_back({Seconds(window), dirty, dirty, dirty});
  }
  return profile;
}

Result<twin::SessionOptions> chances_of(const GuestProfile& profile, const std::string& to,
                                        std::uint64_t run) {
  constexpr std::uint64_t kFar = 0x9e3779b97f4a7c15;  // 2^64 / the golden ratio: runs lie far apart
  return twin::drawn_options({}, profile,
                             std::hash<std::string>{}(profile.vm + " " + to) + run * kFar);
}

SimulatedFleet::SimulatedFleet(std::string name, FleetFile file, std::uint64_t run)
    : name_(std::move(name)), file_(std::move(file)), run_(run) {}

Result<fleet::Inventory> SimulatedFleet::look() {
  fleet::Inventory inventory{name_, file_.network, file_.hosts, {}};
  for (const auto& [name, vm] : file_.vms) {
    inventory.vms.push_back({name, vm.host, *vm.memory, vm.vcpus.value_or(1)});
  }
  return inventory;
}

Result<VmAddress> SimulatedFleet::address_of(const std::string& vm) {
  return VmAddress(QmpVm{"/simulated/" + vm});
}

std::optional<GuestProfile> SimulatedFleet::known_profile(const std::string& vm) const {
  return profile_of(vm, file_.vms.at(vm));
}

Result<std::string> SimulatedFleet::settle(const std::string& vm, std::stop_token) {
  return file_.vms.at(vm).host;
}

Result<void> SimulatedFleet::check_destination(const std::string&, const std::string&) {
  return {};
}

Result<MigrationOutcome> SimulatedFleet::move(const fleet::MoveOrder& order,
                                              fleet::MoveWatcher& watcher, std::stop_token stop) {
  GODWIT_CHECK_OK(watcher.destination_started(""));
  if (!watcher.await_turn()) return fail(ErrorCode::kInterrupted, "it is not begun");
  const fleet::PlannedMove& move = order.move;
  ManualClock clock;
  const GuestProfile profile = profile_of(move.vm, file_.vms.at(move.vm));
  GODWIT_TRY(const auto chances, chances_of(profile, move.to, run_));
  GODWIT_TRY(const auto session, twin::Session::make(clock, profile, Link{move.rate, {}}, chances));
  MigrationPlan plan{move.technique, move.parameters, order.patience};
  plan.parameters.max_bandwidth = move.rate;
  steer::AsPlanned law;
  control::RunOptions options;
  options.requested = {to_string(move.technique), std::string(law.name())};
  GODWIT_TRY(MigrationOutcome outcome,
             control::run_migration(clock, *session, plan, law, {}, options, stop));
  outcome.downtime.probe = session->client_outage();
  return outcome;
}

}  // namespace godwit::hosts
