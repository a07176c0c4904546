#include "both_sides.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "godwit/control/preflight.h"
#include "godwit/control/preflight_disks.h"
#include "host_memory.h"

namespace godwit::engine {
namespace {

std::vector<Disk> moved_disks(const control::PreflightFacts& facts) {
  const std::vector<std::string> devices = control::disks_to_move(facts);
  std::vector<Disk> moved;
  std::copy_if(facts.source.disks.begin(), facts.source.disks.end(), std::back_inserter(moved),
               [&devices](const Disk& disk) {
                 return std::find(devices.begin(), devices.end(), disk.device) != devices.end();
               });
  return moved;
}

}  // namespace

std::string without_postcopy(const std::string& why) {
  return fmt::format("post-copy is left out, as the destination may not do it: {}", why);
}

Result<BothSides> look_at_both(OpenPair& pair, const MigrationPlan& plan, bool ask_for_postcopy,
                               SameContents& contents, const std::stop_token& stop) {
  Hypervisor& destination = *pair.destination.hypervisor;
  GODWIT_TRY(control::PreflightFacts facts,
             control::gather_facts(*pair.source.hypervisor, destination));
  facts.listen = pair.listen;
  facts.memory_free_at_destination = memory_for(facts.destination.pid);
  facts.same_file = same_files(facts.source, facts.destination);
  // What can be refused at once is, before media are read and the destination is tried.
  GODWIT_CHECK_OK(control::preflight(facts, plan));
  facts.same_content = contents.compare(facts.source, facts.destination, stop);
  GODWIT_CHECK_OK(control::preflight(facts, plan));
  if (ask_for_postcopy) GODWIT_CHECK_OK(control::ask_for_postcopy(destination, facts));
  BothSides sides;
  GODWIT_TRY(sides.warnings, control::preflight(facts, plan));
  sides.no_postcopy = facts.no_postcopy;
  if (sides.no_postcopy) sides.warnings.push_back(without_postcopy(*sides.no_postcopy));
  if (plan.storage) sides.moved_disks = moved_disks(facts);
  sides.abilities = control::common_abilities(facts);
  return sides;
}

}  // namespace godwit::engine
