#include "godwit/hosts/lab_fleet.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <utility>

#include "godwit/base/log.h"
#include "godwit/hosts/engine_move.h"
#include "godwit/lab/facts.h"
#include "godwit/lab/lab.h"
#include "godwit/rig/lab_pair.h"

namespace godwit::hosts {

Result<std::string> LabFleet::key_of(const std::string& lab) {
  GODWIT_TRY(const lab::LabStatus status, lab::status(lab));
  if (!status.complete) {
    return fail(ErrorCode::kNotFound, fmt::format("the lab '{}' is not whole", lab),
                "build it anew: godwit lab down, then godwit lab up");
  }
  struct stat client {};
  if (::stat(status.client_netns.c_str(), &client) != 0) {
    return fail(errno_error(fmt::format("looking at {}", status.client_netns), errno));
  }
  return fmt::format("lab-{}-{}", lab, client.st_ino);
}

Result<fleet::Inventory> LabFleet::look() {
  GODWIT_TRY(const lab::LabStatus status, lab::status(lab_));
  fleet::Inventory all;
  all.name = fmt::format("lab {}", lab_);
  const BytesPerSecond rate = status.spec.migration_rate;
  for (const lab::HostStatus& host : status.hosts) {
    all.hosts.push_back({host.name});
    all.network.hosts.push_back({host.name, "switch", rate, rate});
  }
  for (const lab::GuestStatus& guest : status.guests) {
    if (guest.instances.empty()) continue;
    if (guest.instances.front().pid == 0) {
      all.stopped.push_back({guest.spec.name, guest.instances.front().host});
      continue;
    }
    all.vms.push_back(
        {guest.spec.name, guest.instances.front().host, guest.spec.ram, guest.spec.vcpus});
  }
  return all;
}

Result<VmAddress> LabFleet::address_of(const std::string& vm) {
  return VmAddress(LabVm{vm});
}

bool LabFleet::can_postcopy() const {
  return lab::facts().postcopy;
}

Result<std::string> LabFleet::settle(const std::string& vm, std::stop_token stop) {
  const auto engine = engines_(std::move(stop));
  GODWIT_CHECK_OK(engine->take_over(to_string(VmAddress(LabVm{vm}))));
  GODWIT_TRY(const lab::GuestStatus guest, lab::find_guest(lab_, vm));
  const lab::Instance& here = guest.instances.front();
  std::optional<std::string> there;
  if (guest.instances.size() > 1) there = guest.instances.back().qmp;
  GODWIT_TRY(const Side holder, holder_of(*engine, vm, here.qmp, there));
  const lab::Instance& loser = holder == Side::kSource ? guest.instances.back() : here;
  if (there) {
    const std::lock_guard lock(changing_);
    GODWIT_CHECK_OK(lab::retire(lab_, vm, loser.host));
  }
  return holder == Side::kSource ? here.host : guest.instances.back().host;
}

Result<void> LabFleet::check_destination(const std::string&, const std::string& host) {
  GODWIT_CHECK_OK(lab::find_host(lab_, host));
  return {};
}

Result<MigrationOutcome> LabFleet::move(const fleet::MoveOrder& order, fleet::MoveWatcher& watcher,
                                        std::stop_token stop) {
  const fleet::PlannedMove& move = order.move;
  const auto engine = engines_(std::move(stop));
  Result<MigrationOutcome> outcome = MigrationOutcome{};
  {
    std::unique_lock lock(changing_);
    GODWIT_TRY(const lab::GuestStatus guest, lab::find_guest(lab_, move.vm));
    if (const std::string& at = guest.instances.front().host; at != move.from) {
      return fail(ErrorCode::kRefused, fmt::format("VM {} is on host {} now", move.vm, at));
    }
    auto pair = rig::open_lab_pair(*engine, lab_, move.vm, move.to);
    lock.unlock();
    if (!pair) return fail(pair.error());
    const auto written = watcher.destination_started("");
    outcome = written ? drive(*engine, *pair, order, watcher, store_)
                      : Result<MigrationOutcome>(fail(written.error()));
  }  // both monitors are closed by now
  const VmRunsOn runs_on = outcome ? outcome->vm_runs_on : VmRunsOn::kSource;
  const std::lock_guard lock(changing_);
  const auto retired = rig::retire_loser(lab_, move.vm, runs_on, move.from, move.to);
  if (!retired) watcher.warning(retired.error().message);
  return outcome;
}

}  // namespace godwit::hosts
