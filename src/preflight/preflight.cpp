#include "godwit/preflight/preflight.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "godwit/base/quantity.h"
#include "godwit/control/settings.h"
#include "godwit/control/tcg_rule.h"
#include "godwit/domain/address.h"
#include "godwit/domain/combination_rule.h"
#include "godwit/preflight/preflight_disks.h"
#include "preflight_machine.h"

namespace godwit::preflight {
namespace {

/// The hypervisor's own word, or what it comes to.
std::string word_for(const VmDescription& vm) {
  return vm.state_name.empty() ? std::string(to_string(vm.state)) : vm.state_name;
}

/// States in which a guest can be moved. One that is paused or never ran stays so at the
/// destination, as QEMU takes the state along.
bool can_move(const VmDescription& vm) {
  constexpr int kSuspendedMoves = 9;  // before, QEMU woke it up at the destination
  return vm.state == RunState::kRunning || vm.state == RunState::kPaused ||
         vm.state == RunState::kPrelaunch ||
         (vm.state == RunState::kSuspended && vm.version_major >= kSuspendedMoves);
}

std::string way_out_of(RunState state) {
  switch (state) {
    case RunState::kIoError:
      return "look in the VM's log which disk failed, mend that, and let the VM run (QMP: cont)";
    case RunState::kSuspended:
      return "wake it up (QMP: system_wakeup), or move it with QEMU 9 or newer on both sides";
    case RunState::kShutdown:
      return "the guest has switched itself off: start it anew where it shall run";
    case RunState::kBroken:
      return "the guest is dead: reset it (QMP: system_reset, cont), or start it anew";
    default:
      return "wait until it runs, or let it run (QMP: cont)";
  }
}

Result<void> check_source(const PreflightFacts& facts) {
  const MigrationPhase phase = facts.source_migration.phase;
  if (phase != MigrationPhase::kNone && !is_final(phase)) {
    return fail(ErrorCode::kBusy,
                fmt::format("the VM is already migrating (phase {})", to_string(phase)),
                "wait for that migration to end, or cancel it with the tool that started it");
  }
  if (facts.source.state == RunState::kInmigrate) {
    return fail(ErrorCode::kBadInput, "the source waits for an incoming migration itself",
                "name the VM that runs the guest first, then the destination");
  }
  if (facts.source.state == RunState::kPostmigrate) {
    return fail(ErrorCode::kBadInput, "the source has already given its guest to another QEMU",
                "name the QEMU on which the guest runs now");
  }
  if (can_move(facts.source)) return {};
  return fail(ErrorCode::kBadInput,
              fmt::format("the VM cannot be moved: it is {}", word_for(facts.source)),
              way_out_of(facts.source.state));
}

Result<void> check_destination(const PreflightFacts& facts) {
  // Threads of two hosts may have the same numbers, but a VM that runs waits for none.
  const bool waits = facts.destination.state == RunState::kInmigrate;
  const bool same_vm = !waits && !facts.source.identity.empty() &&
                       facts.source.identity == facts.destination.identity;
  if (same_vm || (facts.source.pid != 0 && facts.source.pid == facts.destination.pid)) {
    return fail(ErrorCode::kBadInput, "the destination is the source",
                "name the QMP socket of another QEMU, started with -incoming defer");
  }
  if (facts.destination.state != RunState::kInmigrate) {
    return fail(ErrorCode::kBadInput,
                fmt::format("the destination does not wait for a migration (state {})",
                            word_for(facts.destination)),
                "start it with the source's command line and -incoming defer");
  }
  GODWIT_CHECK_OK(check_receiver(facts.destination_migration, facts.listen));
  const auto& free = facts.memory_free_at_destination;
  if (free && *free < facts.source.ram) {
    return fail(ErrorCode::kEnvironment,
                fmt::format("the destination has {} of memory left, the VM needs {}", human(*free),
                            human(facts.source.ram)),
                "free memory there, or choose another destination");
  }
  return {};
}

Result<void> check_blockers(const PreflightFacts& facts) {
  for (const bool at_source : {true, false}) {
    const auto& blocked =
        (at_source ? facts.source_migration : facts.destination_migration).blocked_by;
    if (blocked.empty()) continue;
    return fail(ErrorCode::kBadInput,
                fmt::format("QEMU on the {} cannot migrate this VM: {}",
                            at_source ? "source" : "destination", fmt::join(blocked, "; ")),
                "take that device or setting away on both sides, or move the VM switched off");
  }
  return {};
}

/// What needs no inspection.
Result<void> check_states(const PreflightFacts& facts) {
  GODWIT_CHECK_OK(check_source(facts));
  GODWIT_CHECK_OK(check_destination(facts));
  GODWIT_CHECK_OK(control::refuse_unsafe(facts.source));
  GODWIT_CHECK_OK(control::refuse_unsafe(facts.destination));
  return check_blockers(facts);
}

// --- what somebody has set up on either side ---

/// Capabilities that Godwit does not use, and with which its migrations go as without (each tried
/// on QEMU 10.0, on the source, on the destination and on both).
bool is_harmless(const std::string& capability) {
  static const std::set<std::string, std::less<>> kHarmless{
      "dirty-bitmaps", "late-block-activate", "validate-uuid", "release-ram", "postcopy-blocktime",
      "rdma-pin-all",  // of RDMA only
      "zero-blocks"};  // of block migration only, which Godwit does not use
  return kHarmless.contains(capability);
}

bool has_on(const Inspection& side, std::string_view capability) {
  const auto& on = side.other_capabilities;
  return std::find(on.begin(), on.end(), capability) != on.end();
}

Result<void> check_other_capabilities(const PreflightFacts& facts, const MigrationPlan& plan) {
  for (const auto* side : {&facts.source_has, &facts.destination_has}) {
    for (const std::string& name : side->other_capabilities) {
      const bool needs_multifd = name == "zero-copy-send";
      const bool plain_multifd =
          plan.technique.streams == Streams::kMultifd && plan.technique.codec == Codec::kNone;
      if (is_harmless(name) || (needs_multifd && plain_multifd)) continue;
      return fail(ErrorCode::kBadInput,
                  fmt::format("the migration capability '{}' is on at the {}{}", name,
                              side == &facts.source_has ? "source" : "destination",
                              needs_multifd ? ", which only multifd goes with" : ""),
                  "switch it off (QMP: migrate-set-capabilities), if nothing else needs it");
    }
  }
  if (has_on(facts.source_has, "validate-uuid") &&
      facts.source_has.uuid != facts.destination_has.uuid) {
    return fail(ErrorCode::kBadInput,
                fmt::format("the UUID differs: {} on the source, {} on the destination, and "
                            "'validate-uuid' is on",
                            facts.source_has.uuid, facts.destination_has.uuid),
                "start the destination with the source's -uuid");
  }
  return {};
}

Result<void> check_tls(const PreflightFacts& facts) {
  const bool source = !facts.source_has.tls.empty();
  if (source == !facts.destination_has.tls.empty()) return {};
  return fail(ErrorCode::kBadInput,
              fmt::format("TLS is set for migrations (tls-creds) on the {} only",
                          source ? "source" : "destination"),
              "set tls-creds on both sides, or on none (QMP: migrate-set-parameters)");
}

Result<void> check_disk_jobs(const PreflightFacts& facts) {
  if (facts.source_has.disk_jobs.empty()) return {};
  const DiskJob& job = facts.source_has.disk_jobs.front();
  return fail(ErrorCode::kBusy,
              fmt::format("a block job works on the VM's disks: {} '{}'", job.type, job.id),
              "wait for it to end, or cancel it with the tool that started it");
}

/// A bitmap that is in no image ends with the source's process. One in an image stays with that
/// image, which is left behind where its disk moves: a mirror copies what the guest sees.
Result<void> check_bitmaps(const PreflightFacts& facts, const MigrationPlan& plan) {
  constexpr std::string_view kTakesThemAlong = "dirty-bitmaps";
  if (has_on(facts.source_has, kTakesThemAlong) && has_on(facts.destination_has, kTakesThemAlong)) {
    return {};
  }
  std::set<std::string> moved;
  if (plan.technique.storage) {
    for (const MovedDisk& disk : disks_to_move(facts)) moved.insert(disk.source);
  }
  std::vector<std::string> lost;
  for (const DiskBitmap& bitmap : facts.source_has.disk_bitmaps) {
    if (bitmap.in_image && !moved.contains(bitmap.disk)) continue;
    lost.push_back(fmt::format("{}/{}", bitmap.disk, bitmap.name));
  }
  if (lost.empty()) return {};
  return fail(ErrorCode::kBadInput,
              fmt::format("dirty bitmaps would be lost: {}", fmt::join(lost, ", ")),
              "switch the migration capability dirty-bitmaps on at both sides, or remove the "
              "bitmaps (QMP: block-dirty-bitmap-remove)");
}

Result<void> check_capabilities(const PreflightFacts& facts, const MigrationPlan& plan) {
  for (const Capability needed : control::settings_for(plan).on) {
    for (const auto* side : {&facts.source, &facts.destination}) {
      if (side->can.contains(needed)) continue;
      return fail(ErrorCode::kUnsupported,
                  fmt::format("QEMU {} on the {} has no '{}', which {} needs", side->version,
                              side == &facts.source ? "source" : "destination", to_string(needed),
                              to_string(plan.technique)),
                  "choose another technique, or update that QEMU");
    }
  }
  return {};
}

/// What a destination that listens already cannot be told any more.
bool is_set_before_listening(Capability capability) {
  return capability == Capability::kMultifd || capability == Capability::kPostcopyPreempt;
}

bool listens(const PreflightFacts& facts) {
  return facts.destination_migration.phase == MigrationPhase::kSetup;
}

/// A QEMU has one NBD server, and names are taken once. The source needs it for shares only.
Result<void> check_disk_exports(const PreflightFacts& facts, const MigrationPlan& plan) {
  if (!plan.technique.storage) return {};
  const bool both = leaves_disks_behind(plan.parameters);
  for (const auto* side : {&facts.destination_has, &facts.source_has}) {
    const bool source = side == &facts.source_has;
    if (side->disk_exports.empty() || (source && !both)) continue;
    return fail(ErrorCode::kBusy,
                fmt::format("the {}'s QEMU serves disks by NBD already (export '{}'), and has one "
                            "server only",
                            source ? "source" : "destination", side->disk_exports.front()),
                "end it with the tool that started it (QMP: nbd-server-stop)");
  }
  return {};
}

/// A rule by version, so that it is known before anything is set up; what QEMU can do decides then.
Result<void> check_shares_of_disks(const PreflightFacts& facts, const MigrationPlan& plan) {
  constexpr int kSince = 10;  // exports of inactive disks, blockdev-set-active
  if (!plan.technique.storage || !leaves_disks_behind(plan.parameters)) return {};
  if (has_on(facts.source_has, "dirty-bitmaps")) {
    return fail(ErrorCode::kBadInput,
                "the migration capability dirty-bitmaps would take along the bitmaps by which a "
                "share of the disks is copied",
                {"switch it off on both sides, or move all of the disks beforehand: leave ",
                 Setting::kPrecopyStorage, " out"});
  }
  if (!facts.source_has.tls.empty()) {
    return fail(ErrorCode::kUnsupported,
                "the migration is encrypted, and a share of the disks can't be copied so yet",
                {"move all of the disks beforehand: leave ", Setting::kPrecopyStorage, " out"});
  }
  for (const auto* side : {&facts.source, &facts.destination}) {
    if (side->version_major >= kSince) continue;
    return fail(ErrorCode::kUnsupported,
                fmt::format("QEMU {} on the {} can't run a guest whose disk is not all there",
                            side->version, side == &facts.source ? "source" : "destination"),
                {"use QEMU 10.0 or newer there, or move all of the disks beforehand: leave ",
                 Setting::kPrecopyStorage, " out"});
  }
  return {};
}

/// Disks need an address beside the stream's: at the destination, and as the source reaches it.
Result<void> check_room_for_disks(const PreflightFacts& facts, const MigrationPlan& plan) {
  if (!plan.technique.storage) return {};
  for (const std::string* stream : {&facts.listen, &facts.stream}) {
    if (stream->empty() || disks_beside(*stream)) continue;
    return fail(ErrorCode::kBadInput,
                fmt::format("there is no room for the disks beside the stream {}", *stream),
                "they need the port after it, or the socket's path with .disks behind it (107 "
                "bytes at most): choose a port below 65500, or a shorter path");
  }
  return {};
}

Result<void> check_listening(const PreflightFacts& facts, const MigrationPlan& plan) {
  if (!listens(facts)) return {};
  const CapabilitySet needed = control::settings_for(plan).on;
  for (const Capability capability : {Capability::kMultifd, Capability::kPostcopyPreempt}) {
    const bool need = needed.contains(capability);
    if (need == facts.destination_has.on.contains(capability)) continue;
    return fail(ErrorCode::kBadInput,
                fmt::format("the destination listens already, with '{}' {}: that can't be changed "
                            "any more",
                            to_string(capability), need ? "off" : "on"),
                "start it with -incoming defer, or choose another technique");
  }
  return {};
}

Result<void> check_postcopy(const PreflightFacts& facts, const MigrationPlan& plan) {
  if (!uses_postcopy(plan.technique) || !facts.no_postcopy) return {};
  return fail(ErrorCode::kEnvironment,
              fmt::format("the destination may not do post-copy: {}", *facts.no_postcopy),
              "allow it there (sysctl vm.unprivileged_userfaultfd=1, or access to "
              "/dev/userfaultfd), or choose another technique");
}

}  // namespace

Result<PreflightFacts> gather_facts(Hypervisor& source, Hypervisor& destination) {
  PreflightFacts facts;
  GODWIT_TRY(facts.source, source.describe());
  GODWIT_TRY(facts.destination, destination.describe());
  GODWIT_TRY(facts.source_migration, source.migration_status());
  GODWIT_TRY(facts.destination_migration, destination.migration_status());
  GODWIT_CHECK_OK(check_states(facts));
  GODWIT_TRY(facts.source_has, source.inspect());
  GODWIT_TRY(facts.destination_has, destination.inspect());
  if (facts.source_has.cpu.words == facts.destination_has.cpu.words) return facts;
  // The bits say that they differ; only names tell a person in what.
  GODWIT_TRY(facts.source_has.cpu.features, source.cpu_features());
  GODWIT_TRY(facts.destination_has.cpu.features, destination.cpu_features());
  return facts;
}

Result<void> ask_for_postcopy(Hypervisor& destination, PreflightFacts& facts) {
  if (!facts.destination.can.contains(Capability::kPostcopyRam)) return {};
  const auto may = destination.try_postcopy();
  if (may) return {};
  if (may.error().code != ErrorCode::kRefused) return fail(may.error());
  facts.no_postcopy = may.error().message;
  return {};
}

CapabilitySet common_abilities(const PreflightFacts& facts) {
  CapabilitySet common;
  for (const Capability one : facts.source.can) {
    if (!facts.destination.can.contains(one)) continue;
    if (one == Capability::kPostcopyRam && facts.no_postcopy) continue;
    const bool too_late = listens(facts) && is_set_before_listening(one);
    if (too_late && !facts.destination_has.on.contains(one)) continue;
    common.insert(one);
  }
  return common;
}

Result<Warnings> check(const PreflightFacts& facts, const MigrationPlan& plan) {
  GODWIT_CHECK_OK(check_states(facts));
  GODWIT_TRY(Warnings warnings, check_same_machine(facts));
  GODWIT_CHECK_OK(check_disk_jobs(facts));
  GODWIT_CHECK_OK(check_bitmaps(facts, plan));
  GODWIT_CHECK_OK(check_disks(facts, plan));
  GODWIT_CHECK_OK(check_room_for_disks(facts, plan));
  GODWIT_CHECK_OK(check_disk_exports(facts, plan));
  GODWIT_CHECK_OK(check_shares_of_disks(facts, plan));
  GODWIT_CHECK_OK(check_tls(facts));
  GODWIT_CHECK_OK(check_other_capabilities(facts, plan));
  GODWIT_CHECK_OK(check_combination(plan.technique, facts.source));
  GODWIT_CHECK_OK(check_combination(plan.technique, facts.destination));
  GODWIT_CHECK_OK(check_capabilities(facts, plan));
  GODWIT_CHECK_OK(check_listening(facts, plan));
  GODWIT_CHECK_OK(check_postcopy(facts, plan));
  for (std::string& one : taken_for_granted(facts)) warnings.push_back(std::move(one));
  for (std::string& one : taken_by_name(facts, plan)) warnings.push_back(std::move(one));
  return warnings;
}

}  // namespace godwit::preflight
