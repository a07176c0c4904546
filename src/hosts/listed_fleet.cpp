#include "godwit/hosts/listed_fleet.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <utility>
#include <variant>

#include "godwit/base/log.h"
#include "godwit/base/process.h"
#include "godwit/hosts/engine_move.h"

namespace godwit::hosts {
namespace {

/// A QEMU starts within a second; one whose host is asked by ssh, or whose disks are attached
/// first, may need a minute.
constexpr Seconds kStartPatience{120};
constexpr Seconds kEndPatience{60};
constexpr Seconds kGrace{2};
constexpr std::size_t kMostKept = std::size_t{64} << 10;

/// What the command wrote, once it ended well.
Result<std::string> run(const Clock& clock, const std::vector<std::string>& command,
                        Seconds patience, const std::stop_token& stop) {
  ProcessSpec spec;
  const auto path = program_path(command.front());
  if (!path) {
    return fail(ErrorCode::kEnvironment, fmt::format("the program {} is missing", command.front()),
                "correct the fleet's file, or install it");
  }
  spec.program = *path;
  spec.arguments = command;
  spec.most_kept = kMostKept;
  GODWIT_TRY(Process process, Process::start(spec));
  const auto seen = process.follow(clock, clock.now() + patience, stop);
  if (seen == Process::Seen::kEnded && process.end()->well()) return process.out();
  const std::string what = fmt::format("{}", fmt::join(command, " "));
  if (seen == Process::Seen::kStopped) {
    process.end_group(clock, kGrace);
    return fail(ErrorCode::kInterrupted, fmt::format("'{}' was stopped on request", what));
  }
  if (seen != Process::Seen::kEnded) {
    process.end_group(clock, kGrace);
    return fail(ErrorCode::kTimeout,
                fmt::format("'{}' did not end within {:.0f} s", what, patience.count()),
                "it must return once the QEMU answers on its QMP socket");
  }
  return fail(
      ErrorCode::kEnvironment,
      fmt::format("'{}' failed ({}): {}", what, process.end()->number, last_line(process.err())),
      "see what the program says");
}

/// It has the guest, or will: not one that waits for it, nor one that has given it away.
bool has_guest(RunState state) {
  return state != RunState::kInmigrate && state != RunState::kPostmigrate;
}

}  // namespace

ListedFleet::ListedFleet(Clock& clock, std::string name, FleetFile file,
                         const std::vector<fleet::Entry>& entries, EngineMaker engines,
                         std::string store)
    : clock_(clock),
      name_(std::move(name)),
      file_(std::move(file)),
      engines_(std::move(engines)),
      store_(std::move(store)) {
  for (const auto& [vm, entry] : last_moves(entries)) at_[vm] = {entry.to, entry.monitor};
  for (const auto& [vm, entry] : under_way(entries)) open_[vm] = {entry.to, entry.monitor};
}

Result<ListedFleet::Place> ListedFleet::place_of(const std::string& vm) {
  const std::lock_guard lock(mutex_);
  const auto known = at_.find(vm);
  if (known != at_.end()) return known->second;
  return fail(ErrorCode::kNotFound, fmt::format("{} has no VM '{}' that runs", name_, vm));
}

void ListedFleet::set_place(const std::string& vm, Place place) {
  const std::lock_guard lock(mutex_);
  at_[vm] = std::move(place);
}

std::optional<ListedFleet::Place> ListedFleet::open_of(const std::string& vm) {
  const std::lock_guard lock(mutex_);
  const auto open = open_.find(vm);
  return open == open_.end() ? std::nullopt : std::optional(open->second);
}

void ListedFleet::set_open(const std::string& vm, std::optional<Place> place) {
  const std::lock_guard lock(mutex_);
  open_.erase(vm);
  if (place) open_[vm] = std::move(*place);
}

/// Where its last move took it, else where the file says, else where a move of which the end is not
/// known took it, and whether it is there. Nothing for a VM that does not run.
Result<std::optional<fleet::FleetVm>> ListedFleet::ask(const std::string& name,
                                                       const ListedVm& listed) {
  std::vector<Place> places;
  if (const auto known = place_of(name)) places.push_back(*known);
  places.push_back({listed.host, listed.monitor});
  if (const auto open = open_of(name); open && !open->monitor.empty()) places.push_back(*open);
  const auto engine = engines_({});
  for (const Place& place : places) {
    auto vm = engine->open_monitor(place.monitor, engine::Access::kObserve);
    if (!vm && vm.error().code == ErrorCode::kNotFound) continue;
    if (!vm) {
      return fail(vm.error().while_doing(fmt::format("VM {} on host {}", name, place.host)));
    }
    if (!has_guest(vm->description.state)) continue;
    set_place(name, place);
    return std::optional(fleet::FleetVm{name, place.host,
                                        listed.memory.value_or(vm->description.ram),
                                        listed.vcpus.value_or(vm->description.vcpus)});
  }
  const std::lock_guard lock(mutex_);
  at_.erase(name);
  return std::optional<fleet::FleetVm>();
}

Result<fleet::Inventory> ListedFleet::look() {
  fleet::Inventory all{name_, file_.network, file_.hosts, {}};
  for (const auto& [name, listed] : file_.vms) {
    GODWIT_TRY(auto vm, ask(name, listed));
    if (vm) {
      all.vms.push_back(std::move(*vm));
    } else {
      all.stopped.push_back({name, listed.host});
    }
  }
  return all;
}

Result<VmAddress> ListedFleet::address_of(const std::string& vm) {
  GODWIT_TRY(const Place place, place_of(vm));
  return VmAddress(QmpVm{place.monitor});
}

Result<std::string> ListedFleet::settle(const std::string& vm, std::stop_token stop) {
  const auto listed = file_.vms.find(vm);
  auto here = place_of(vm);
  if (!here && listed != file_.vms.end()) here = Place{listed->second.host, listed->second.monitor};
  if (!here) return fail(here.error());
  const auto engine = engines_(std::move(stop));
  GODWIT_CHECK_OK(engine->take_over(to_string(VmAddress(QmpVm{here->monitor}))));
  const std::optional<Place> there = open_of(vm);
  const bool answered = there && !there->monitor.empty();
  const auto monitor = answered ? std::optional(there->monitor) : std::nullopt;
  GODWIT_TRY(const Side holder, holder_of(*engine, vm, here->monitor, monitor));
  const bool moved = holder == Side::kDestination;
  if (answered) GODWIT_CHECK_OK(end(*engine, vm, moved ? *here : *there));
  if (there && !answered && there->host != here->host) {
    if (const auto left = end_unseen(vm, there->host)) log::warning("VM {}: {}", vm, *left);
  }
  set_open(vm, std::nullopt);
  set_place(vm, moved ? *there : *here);
  return moved ? there->host : here->host;
}

Result<void> ListedFleet::check_destination(const std::string&, const std::string& host) {
  for (const fleet::FleetHost& one : file_.hosts) {
    if (one.name == host) return {};
  }
  return fail(ErrorCode::kNotFound, fmt::format("{} has no host '{}'", name_, host));
}

Result<QmpDestination> ListedFleet::start(const fleet::PlannedMove& move,
                                          const std::stop_token& stop) {
  const auto command = filled(file_.start, move.vm, move.to);
  GODWIT_TRY(const std::string out, run(clock_, command, kStartPatience, stop));
  const auto address = parse_destination(last_line(out));
  const auto* const there = address ? std::get_if<QmpDestination>(&*address) : nullptr;
  if (there != nullptr) return *there;
  return fail(ErrorCode::kBadInput,
              fmt::format("'{}' printed '{}' as its last line", command.front(), last_line(out)),
              "it must print the destination's address: qmp:PATH@tcp:ADDRESS:PORT");
}

/// Only one that surely does not have the guest.
Result<void> ListedFleet::end(engine::Engine& engine, const std::string& vm, const Place& place) {
  auto opened = engine.open_monitor(place.monitor, engine::Access::kObserve);
  if (!opened && opened.error().code == ErrorCode::kNotFound) return {};
  if (!opened) return fail(opened.error());
  GODWIT_TRY(const RunState state, opened->hypervisor->run_state());
  if (has_guest(state)) {
    return fail(ErrorCode::kRefused,
                fmt::format("the QEMU of VM {} on host {} is not ended: it may have the guest ({})",
                            vm, place.host, to_string(state)),
                "look at it, and end it yourself");
  }
  if (file_.end.empty()) return opened->hypervisor->quit();
  opened->hypervisor.reset();
  GODWIT_CHECK_OK(run(clock_, filled(file_.end, vm, place.host), kEndPatience, {}));
  return {};
}

/// What a `start` that failed, or was killed, may have left behind: it did not tell the monitor, so
/// no guest was sent there. Returns what somebody must look after.
std::optional<std::string> ListedFleet::end_unseen(const std::string& vm,
                                                   const std::string& host) const {
  const std::string what = fmt::format(
      "the command that starts its destination on host {} did not end well, and may "
      "have left a QEMU that waits there; look for it, and end it yourself",
      host);
  if (file_.end.empty()) return what + " (the fleet's file names no command 'end')";
  const auto ended = run(clock_, filled(file_.end, vm, host), kEndPatience, {});
  if (ended) return std::nullopt;
  return fmt::format("{} ({})", what, ended.error().message);
}

Result<MigrationOutcome> ListedFleet::move_to(const fleet::MoveOrder& order,
                                              const QmpDestination& there, engine::Engine& engine,
                                              fleet::MoveWatcher& watcher) {
  GODWIT_TRY(const Place here, place_of(order.move.vm));
  if (here.host != order.move.from) {
    return fail(ErrorCode::kRefused,
                fmt::format("VM {} is on host {} now", order.move.vm, here.host));
  }
  GODWIT_CHECK_OK(watcher.destination_started(there.socket));
  GODWIT_TRY(engine::OpenPair pair, engine.open_pair(QmpVm{here.monitor}, there, {}));
  return drive(engine, pair, order, watcher, store_);
}

Result<MigrationOutcome> ListedFleet::move(const fleet::MoveOrder& order,
                                           fleet::MoveWatcher& watcher, std::stop_token stop) {
  const std::string& vm = order.move.vm;
  const auto destination = start(order.move, stop);
  if (!destination) {
    if (const auto left = end_unseen(vm, order.move.to)) watcher.warning(*left);
    return fail(destination.error());
  }
  const Place there{order.move.to, destination->socket};
  set_open(vm, there);
  const auto engine = engines_(std::move(stop));
  auto outcome = move_to(order, *destination, *engine, watcher);
  const VmRunsOn runs_on = outcome ? outcome->vm_runs_on : VmRunsOn::kSource;
  if (runs_on != VmRunsOn::kSource && runs_on != VmRunsOn::kDestination) return outcome;
  const bool moved = runs_on == VmRunsOn::kDestination;
  const auto here = place_of(vm);
  const auto ended = moved && !here ? Result<void>() : end(*engine, vm, moved ? *here : there);
  if (!ended) watcher.warning(ended.error().message);
  set_open(vm, std::nullopt);
  if (moved) set_place(vm, there);
  return outcome;
}

}  // namespace godwit::hosts
