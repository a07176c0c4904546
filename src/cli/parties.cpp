#include "parties.h"

#include <fmt/format.h>

#include <filesystem>

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

Result<void> open_both(Parties& parties, const std::string& source, const std::string& destination,
                       Context& context) {
  auto opened_source = open_vm(source, context.clock, Access::kDrive);
  if (!opened_source) return fail(opened_source.error().while_doing("source"));
  auto opened_destination = open_vm(destination, context.clock, Access::kDrive);
  if (!opened_destination) return fail(opened_destination.error().while_doing("destination"));
  parties.source = std::move(*opened_source);
  parties.destination = std::move(*opened_destination);
  return {};
}

}  // namespace

Result<Parties> lab_parties(const std::string& lab, const std::string& guest,
                            const std::string& host, Context& context) {
  GODWIT_TRY(const lab::GuestStatus status, lab::find_guest(lab, guest));
  GODWIT_TRY(const std::string source_socket, socket_of(LabVm{guest}, lab, Access::kDrive));
  GODWIT_TRY(const lab::HostStatus source_host, lab::find_host(lab, status.instances.front().host));
  GODWIT_TRY(const lab::LabStatus whole, lab::status(lab));
  GODWIT_TRY(const lab::Instance there, lab::prepare_destination(lab, guest, host));

  Parties parties;
  parties.source_name = "lab:" + guest;
  parties.destination_name = "lab:" + host;
  parties.stream = there.stream;
  GODWIT_CHECK_OK(open_both(parties, source_socket, there.qmp, context));
  const lab::Instance& here = status.instances.front();
  parties.probe =
      std::make_unique<probe::PingProbe>(probe::PingOptions{status.address, whole.client_netns});
  parties.check =
      std::make_unique<lab::LabGuestCheck>(lab::LabGuestCheck::Files{here.console, here.report},
                                           lab::LabGuestCheck::Files{there.console, there.report});
  parties.wire =
      std::make_unique<probe::InterfaceCounter>(source_host.migration_interface, source_host.netns);
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
  parties.stream = destination.stream;
  GODWIT_CHECK_OK(open_both(parties, source.socket, destination.socket, context));
  if (!ping.empty()) {
    probe::PingOptions options;
    options.target = ping;
    if (!ping_netns.empty()) options.netns = ping_netns;
    parties.probe = std::make_unique<probe::PingProbe>(std::move(options));
  }
  return parties;
}

}  // namespace godwit::cli
