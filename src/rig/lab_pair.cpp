#include "godwit/rig/lab_pair.h"

#include <fmt/format.h>

#include <utility>

#include "godwit/base/log.h"
#include "godwit/lab/facts.h"
#include "godwit/lab/guest_report.h"
#include "godwit/lab/lab.h"
#include "godwit/probe/interface_counter.h"
#include "godwit/probe/ping_probe.h"

namespace godwit::rig {

using engine::Access;
using engine::Engine;
using engine::OpenVm;

namespace {

/// The lab's guest, for us to drive. Only when it runs there, and nothing moves it, is it certain
/// that no other QEMU has any of it. (An old phase says nothing: a guest that came here by a
/// migration shows kCompleted too.)
Result<OpenVm> open_source(Engine& engine, const std::string& lab, const std::string& guest) {
  GODWIT_TRY(const lab::GuestStatus there, lab::find_guest(lab, guest));
  if (there.instances.empty() || there.instances.front().pid == 0) {
    return fail(ErrorCode::kNotFound, fmt::format("guest {} does not run", guest),
                "start a lab anew: godwit lab down, godwit lab up");
  }
  const std::string& socket = there.instances.front().qmp;
  auto opened = engine.open_monitor(socket, Access::kDrive);
  if (!opened) return fail(opened.error().while_doing("source"));
  OpenVm source = std::move(*opened);
  GODWIT_TRY(const RunState state, source.hypervisor->run_state());
  GODWIT_TRY(const MigrationStatus status, source.hypervisor->migration_status());
  if (status.phase != MigrationPhase::kNone && !is_final(status.phase)) {
    return fail(
        ErrorCode::kBusy,
        fmt::format("guest {} is being migrated (phase {})", guest, to_string(status.phase)),
        "wait for that migration to end, or cancel it through " + socket);
  }
  if (state == RunState::kRunning) return source;
  if (state == RunState::kPostmigrate) {
    return fail(ErrorCode::kBadInput,
                fmt::format("guest {} has left its QEMU for the other one", guest),
                {"find that in: godwit lab status ",
                 {Setting::kLab, lab},
                 "; or end both: godwit lab down ",
                 {Setting::kLab, lab}});
  }
  return fail(ErrorCode::kBusy, fmt::format("guest {} does not run ({})", guest, to_string(state)),
              {fmt::format("let it run (QMP: cont on {}), or end it: godwit lab down ", socket),
               {Setting::kLab, lab}});
}

/// Ends the destination that an earlier migration of a guest left, if it waits still. The caller
/// drives the guest, which runs.
Result<void> end_leftover(Engine& engine, const std::string& lab, const lab::GuestStatus& guest) {
  if (guest.instances.size() < 2) return {};
  const lab::Instance& old = guest.instances.back();
  if (old.pid == 0) return lab::retire(lab, guest.spec.name, old.host);
  const std::string what = fmt::format("the QEMU on {} of an earlier migration", old.host);
  auto vm = engine.open_monitor(old.qmp, Access::kDrive);
  if (!vm) return fail(vm.error().while_doing(what));
  GODWIT_TRY(const RunState state, vm->hypervisor->run_state());
  if (state == RunState::kInmigrate) return lab::retire(lab, guest.spec.name, old.host);
  return fail(
      ErrorCode::kBusy,
      fmt::format("{} may hold guest {} (state {})", what, guest.spec.name, to_string(state)),
      {fmt::format("find out through {}; or end both: godwit lab down ", old.qmp),
       {Setting::kLab, lab}});
}

/// A fresh destination that waits, opened; none is left on error.
Result<OpenVm> open_destination(Engine& engine, const std::string& lab, const std::string& guest,
                                const lab::Instance& there) {
  auto opened = engine.open_monitor(there.qmp, Access::kDrive);
  if (opened) return opened;
  if (const auto gone = lab::retire(lab, guest, there.host); !gone) {
    log::warning("{}", gone.error().message);
  }
  return fail(opened.error().while_doing("destination"));
}

}  // namespace

Result<LabInstruments> lab_instruments(const std::string& lab, const std::string& guest,
                                       const std::string& here, const std::string& there) {
  GODWIT_TRY(const lab::GuestStatus status, lab::find_guest(lab, guest));
  GODWIT_TRY(const lab::LabStatus whole, lab::status(lab));
  GODWIT_TRY(const lab::HostStatus host, lab::find_host(lab, here));
  GODWIT_TRY(const lab::Instance source, lab::find_instance(lab, guest, here));
  GODWIT_TRY(const lab::Instance destination, lab::find_instance(lab, guest, there));
  using Files = lab::LabGuestCheck::Files;
  LabInstruments instruments;
  instruments.probe =
      std::make_unique<probe::PingProbe>(probe::PingOptions{status.address, whole.client_netns});
  instruments.check = std::make_unique<lab::LabGuestCheck>(
      Files{source.console, source.report}, Files{destination.console, destination.report});
  instruments.wire =
      std::make_unique<probe::InterfaceCounter>(host.migration_interface, host.netns);
  return instruments;
}

Result<engine::OpenPair> open_lab_pair(Engine& engine, const std::string& lab,
                                       const std::string& guest, const std::string& host) {
  engine::OpenPair pair;
  GODWIT_TRY(pair.source, open_source(engine, lab, guest));
  // only now: as long as we drive it, no other godwit moves it
  GODWIT_TRY(const lab::GuestStatus status, lab::find_guest(lab, guest));
  GODWIT_CHECK_OK(end_leftover(engine, lab, status));
  GODWIT_TRY(const lab::Instance there, lab::prepare_destination(lab, guest, host));
  GODWIT_TRY(pair.destination, open_destination(engine, lab, guest, there));

  pair.source_name = "lab:" + guest;
  pair.destination_name = "lab:" + host;
  pair.listen = pair.stream = there.stream;
  pair.can_postcopy = lab::facts().postcopy;
  GODWIT_TRY(LabInstruments instruments,
             lab_instruments(lab, guest, status.instances.front().host, host));
  pair.probe = std::move(instruments.probe);
  pair.check = std::move(instruments.check);
  pair.wire = std::move(instruments.wire);
  return pair;
}

Result<void> retire_loser(const std::string& lab, const std::string& guest, VmRunsOn runs_on,
                          const std::string& source_host, const std::string& destination_host) {
  if (runs_on == VmRunsOn::kDestination) return lab::retire(lab, guest, source_host);
  if (runs_on == VmRunsOn::kSource) return lab::retire(lab, guest, destination_host);
  return {};
}

}  // namespace godwit::rig
