#include "godwit/control/preflight.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>

#include "godwit/base/quantity.h"
#include "godwit/control/preflight_disks.h"
#include "godwit/control/settings.h"
#include "godwit/domain/tcg_rule.h"

namespace godwit::control {
namespace {

Result<void> check_source(const PreflightFacts& facts) {
  if (facts.source_phase != MigrationPhase::kNone && !is_final(facts.source_phase)) {
    return fail(
        ErrorCode::kBusy,
        fmt::format("the VM is already migrating (phase {})", to_string(facts.source_phase)),
        "wait for that migration to end, or cancel it with the tool that started it");
  }
  switch (facts.source.state) {
    case RunState::kRunning:
      return {};
    case RunState::kInmigrate:
      return fail(ErrorCode::kBadInput, "the source waits for an incoming migration itself",
                  "name the VM that runs the guest first, then the destination");
    case RunState::kPostmigrate:
      return fail(ErrorCode::kBadInput, "the source has already given its guest to another QEMU",
                  "name the QEMU on which the guest runs now");
    default:
      return fail(ErrorCode::kBadInput,
                  fmt::format("the VM is not running (state {})", to_string(facts.source.state)),
                  "let it run (QMP: cont), or move it cold");
  }
}

Result<void> check_destination(const PreflightFacts& facts) {
  if (facts.source.pid != 0 && facts.source.pid == facts.destination.pid) {
    return fail(ErrorCode::kBadInput, "the destination is the source",
                "name the QMP socket of another QEMU, started with -incoming defer");
  }
  if (facts.destination.state != RunState::kInmigrate) {
    return fail(ErrorCode::kBadInput,
                fmt::format("the destination does not wait for a migration (state {})",
                            to_string(facts.destination.state)),
                "start it with the source's command line and -incoming defer");
  }
  const auto& free = facts.memory_free_at_destination;
  if (free && *free < facts.source.ram) {
    return fail(ErrorCode::kEnvironment,
                fmt::format("the destination has {} of memory left, the VM needs {}", human(*free),
                            human(facts.source.ram)),
                "free memory there, or choose another destination");
  }
  return {};
}

Result<void> differs(std::string_view what, std::string_view source, std::string_view destination) {
  return fail(
      ErrorCode::kBadInput,
      fmt::format("{} differs: {} on the source, {} on the destination", what, source, destination),
      "start the destination with the source's command line and -incoming defer");
}

/// Elements of `a` that `b` lacks; both sorted.
std::vector<std::string> lacking(const std::vector<std::string>& a,
                                 const std::vector<std::string>& b) {
  std::vector<std::string> missing;
  std::set_difference(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(missing));
  return missing;
}

Result<void> check_same_machine(const VmDescription& source, const VmDescription& destination) {
  if (source.accelerator != destination.accelerator) {
    return differs("the accelerator", source.accelerator, destination.accelerator);
  }
  if (source.machine != destination.machine) {
    return differs("the machine type", source.machine, destination.machine);
  }
  if (source.cpu_model != destination.cpu_model) {
    return differs("the CPU model", source.cpu_model, destination.cpu_model);
  }
  if (source.vcpus != destination.vcpus) {
    return differs("the number of vCPUs", std::to_string(source.vcpus),
                   std::to_string(destination.vcpus));
  }
  if (source.ram != destination.ram) {
    return differs("the memory size", human(source.ram), human(destination.ram));
  }
  if (source.devices != destination.devices) {
    const auto only_source = lacking(source.devices, destination.devices);
    const auto only_destination = lacking(destination.devices, source.devices);
    return fail(ErrorCode::kBadInput,
                fmt::format("devices differ: only on the source [{}], only on the destination [{}]",
                            fmt::join(only_source, ", "), fmt::join(only_destination, ", ")),
                "start the destination with the source's command line and -incoming defer");
  }
  return {};
}

Result<void> check_capabilities(const PreflightFacts& facts, const MigrationPlan& plan) {
  for (const Capability needed : settings_for(plan).on) {
    for (const auto* side : {&facts.source, &facts.destination}) {
      if (side->can.contains(needed)) continue;
      return fail(ErrorCode::kUnsupported,
                  fmt::format("QEMU {} on the {} has no '{}', which {} needs", side->version,
                              side == &facts.source ? "source" : "destination", to_string(needed),
                              full_name(plan.technique, plan.storage)),
                  "choose another technique, or update that QEMU");
    }
  }
  return {};
}

}  // namespace

Result<PreflightFacts> gather_facts(Hypervisor& source, Hypervisor& destination) {
  PreflightFacts facts;
  GODWIT_TRY(facts.source, source.describe());
  GODWIT_TRY(facts.destination, destination.describe());
  GODWIT_TRY(const MigrationStatus status, source.migration_status());
  facts.source_phase = status.phase;
  return facts;
}

Result<void> preflight(const PreflightFacts& facts, const MigrationPlan& plan) {
  GODWIT_CHECK_OK(check_source(facts));
  GODWIT_CHECK_OK(check_destination(facts));
  GODWIT_CHECK_OK(refuse_unsafe(facts.source));
  GODWIT_CHECK_OK(refuse_unsafe(facts.destination));
  GODWIT_CHECK_OK(check_same_machine(facts.source, facts.destination));
  GODWIT_CHECK_OK(check_disks(facts, plan));
  return check_capabilities(facts, plan);
}

}  // namespace godwit::control
