#include "both_sides.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "godwit/preflight/preflight.h"
#include "godwit/preflight/preflight_disks.h"
#include "host_memory.h"

namespace godwit::engine {
namespace {

std::vector<Disk> disks_of(const VmDescription& vm, const std::vector<MovedDisk>& moves) {
  std::vector<Disk> moved;
  std::copy_if(vm.disks.begin(), vm.disks.end(), std::back_inserter(moved), [&](const Disk& disk) {
    return std::any_of(moves.begin(), moves.end(),
                       [&disk](const MovedDisk& one) { return one.source == disk.device; });
  });
  return moved;
}

/// As the VM's manager has it.
Result<BothSides> ask_manager(OpenPair& pair, const MigrationPlan& plan) {
  GODWIT_TRY(ManagedSides found, pair.manager->look(plan));
  BothSides sides;
  sides.source = pair.source.description;
  sides.destination = std::move(found.destination);
  sides.abilities = std::move(found.abilities);
  sides.warnings = std::move(found.warnings);
  sides.no_share = "libvirt mirrors disks whole";
  return sides;
}

/// Why none of the disks could be left behind, by what can be seen beforehand.
std::optional<std::string> refusal_of_shares(const preflight::PreflightFacts& facts,
                                             MigrationPlan plan) {
  plan.parameters.precopy_storage = Ratio(0);
  const auto found = preflight::check(facts, plan);
  return found ? std::nullopt : std::optional(found.error().message);
}

}  // namespace

std::string without_postcopy(const std::string& why) {
  return fmt::format("post-copy is left out, as the destination may not do it: {}", why);
}

Result<BothSides> look_at_both(OpenPair& pair, const MigrationPlan& plan, const Look& look,
                               Observer& observer) {
  if (pair.manager != nullptr) return ask_manager(pair, plan);
  Hypervisor& destination = *pair.destination.hypervisor;
  GODWIT_TRY(preflight::PreflightFacts facts,
             preflight::gather_facts(*pair.source.hypervisor, destination));
  facts.listen = pair.listen;
  facts.stream = pair.stream;
  facts.memory_free_at_destination = memory_for(facts.destination.pid);
  facts.same_file = same_files(facts.source, facts.destination);
  // What can be refused at once is, before media are read and the destination is tried.
  GODWIT_CHECK_OK(preflight::check(facts, plan));
  GODWIT_TRY(facts.same_content, look.contents->compare(facts.source, facts.destination, look.stop,
                                                        [&observer](Bytes done, Bytes total) {
                                                          observer.on_comparing(done, total);
                                                        }));
  GODWIT_CHECK_OK(preflight::check(facts, plan));
  if (look.ask_for_postcopy) GODWIT_CHECK_OK(preflight::ask_for_postcopy(destination, facts));
  BothSides sides;
  GODWIT_TRY(sides.warnings, preflight::check(facts, plan));
  sides.no_postcopy = facts.no_postcopy;
  if (sides.no_postcopy) sides.warnings.push_back(without_postcopy(*sides.no_postcopy));
  if (plan.technique.storage) {
    sides.moves = preflight::disks_to_move(facts);
    sides.moved_disks = disks_of(facts.source, sides.moves);
    sides.no_share = refusal_of_shares(facts, plan);
  }
  sides.abilities = preflight::common_abilities(facts);
  sides.source = std::move(facts.source);
  sides.destination = std::move(facts.destination);
  return sides;
}

}  // namespace godwit::engine
