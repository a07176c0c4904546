#include "parties.h"

#include <fmt/format.h>

#include <filesystem>

#include "godwit/base/log.h"
#include "godwit/lab/facts.h"
#include "godwit/lab/guest_report.h"
#include "godwit/lab/lab.h"
#include "godwit/probe/interface_counter.h"
#include "godwit/probe/ping_probe.h"

namespace godwit::cli {
namespace {

/// Both names lead to one socket, by whatever links.
bool same_file(const std::string& a, const std::string& b) {
  std::error_code unknown;
  return a == b || std::filesystem::equivalent(a, b, unknown);
}

Result<OpenVm> open_side(const char* side, const std::string& socket, Clock& clock) {
  auto opened = open_vm(socket, clock, Access::kDrive);
  if (!opened) return fail(opened.error().while_doing(side));
  return opened;
}

/// The lab's guest, for us to drive. Only when it runs there, and nothing moves it, is it certain
/// that no other QEMU has any of it. (An old phase says nothing: a guest that came here by a
/// migration shows kCompleted too.)
Result<OpenVm> open_lab_source(const std::string& lab, const std::string& guest, Clock& clock) {
  GODWIT_TRY(const std::string socket, socket_of(LabVm{guest}, lab, Access::kDrive));
  GODWIT_TRY(OpenVm source, open_side("source", socket, clock));
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
Result<void> end_leftover(const std::string& lab, const lab::GuestStatus& guest, Clock& clock) {
  if (guest.instances.size() < 2) return {};
  const lab::Instance& old = guest.instances.back();
  if (old.pid == 0) return lab::retire(lab, guest.spec.name, old.host);
  const std::string what = fmt::format("the QEMU on {} of an earlier migration", old.host);
  auto vm = open_vm(old.qmp, clock, Access::kDrive);
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
Result<OpenVm> open_lab_destination(const std::string& lab, const std::string& guest,
                                    const lab::Instance& there, Clock& clock) {
  auto opened = open_vm(there.qmp, clock, Access::kDrive);
  if (opened) return opened;
  if (const auto gone = lab::retire(lab, guest, there.host); !gone) {
    log::warning("{}", gone.error().message);
  }
  return fail(opened.error().while_doing("destination"));
}

}  // namespace

Result<Instruments> lab_instruments(const std::string& lab, const std::string& guest,
                                    const std::string& here, const std::string& there) {
  GODWIT_TRY(const lab::GuestStatus status, lab::find_guest(lab, guest));
  GODWIT_TRY(const lab::LabStatus whole, lab::status(lab));
  GODWIT_TRY(const lab::HostStatus host, lab::find_host(lab, here));
  GODWIT_TRY(const lab::Instance source, lab::find_instance(lab, guest, here));
  GODWIT_TRY(const lab::Instance destination, lab::find_instance(lab, guest, there));
  using Files = lab::LabGuestCheck::Files;
  Instruments instruments;
  instruments.probe =
      std::make_unique<probe::PingProbe>(probe::PingOptions{status.address, whole.client_netns});
  instruments.check = std::make_unique<lab::LabGuestCheck>(
      Files{source.console, source.report}, Files{destination.console, destination.report});
  instruments.wire =
      std::make_unique<probe::InterfaceCounter>(host.migration_interface, host.netns);
  return instruments;
}

Result<Parties> lab_parties(const std::string& lab, const std::string& guest,
                            const std::string& host, Context& context) {
  Parties parties;
  GODWIT_TRY(parties.source, open_lab_source(lab, guest, context.clock));
  // only now: as long as we drive it, no other godwit moves it
  GODWIT_TRY(const lab::GuestStatus status, lab::find_guest(lab, guest));
  GODWIT_CHECK_OK(end_leftover(lab, status, context.clock));
  GODWIT_TRY(const lab::Instance there, lab::prepare_destination(lab, guest, host));
  GODWIT_TRY(parties.destination, open_lab_destination(lab, guest, there, context.clock));

  parties.source_name = "lab:" + guest;
  parties.destination_name = "lab:" + host;
  parties.listen = parties.stream = there.stream;
  parties.can_postcopy = lab::facts().postcopy;
  GODWIT_TRY(Instruments instruments,
             lab_instruments(lab, guest, status.instances.front().host, host));
  parties.probe = std::move(instruments.probe);
  parties.check = std::move(instruments.check);
  parties.wire = std::move(instruments.wire);
  return parties;
}

Result<void> retire_loser(const std::string& lab, const std::string& guest, VmRunsOn runs_on,
                          const std::string& source_host, const std::string& destination_host) {
  if (runs_on == VmRunsOn::kDestination) return lab::retire(lab, guest, source_host);
  if (runs_on == VmRunsOn::kSource) return lab::retire(lab, guest, destination_host);
  return {};
}

Result<Parties> qmp_parties(const QmpVm& source, const QmpDestination& destination,
                            const std::string& ping, const std::string& ping_netns,
                            Context& context) {
  // Before connecting: a monitor serves one client, so the second connection would only hang.
  if (same_file(source.socket, destination.socket)) {
    return fail(ErrorCode::kBadInput, "the destination is the source",
                "name the QMP socket of another QEMU, started with -incoming defer");
  }
  Parties parties;
  parties.source_name = to_string(VmAddress(source));
  parties.destination_name = to_string(DestinationAddress(destination));
  parties.listen = destination.listen;
  parties.stream = destination.stream;
  GODWIT_TRY(parties.source, open_side("source", source.socket, context.clock));
  GODWIT_TRY(parties.destination, open_side("destination", destination.socket, context.clock));
  if (!ping.empty()) {
    probe::PingOptions options;
    options.target = ping;
    if (!ping_netns.empty()) options.netns = ping_netns;
    parties.probe = std::make_unique<probe::PingProbe>(std::move(options));
  }
  return parties;
}

}  // namespace godwit::cli
