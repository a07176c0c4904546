#include "wishes.h"

#include <fmt/format.h>

#include <algorithm>

#include "godwit/codec/codec.h"

namespace godwit::hosts {
namespace {

Result<void> check_time(const VmIntent& one, const std::string& whose, std::int64_t now_wall_us) {
  if (!one.not_before || *one.not_before > now_wall_us) return {};
  return fail(
      ErrorCode::kBadInput,
      fmt::format("{} is not to move before {}, which has passed", whose, iso8601(*one.not_before)),
      "give a time that is to come; one of another day with its date");
}

}  // namespace

Result<void> check(const IntentFile& intents, const fleet::Inventory& inventory,
                   std::optional<std::int64_t> now_wall_us) {
  if (now_wall_us) GODWIT_CHECK_OK(check_time(intents.usual, "the usual VM", *now_wall_us));
  for (const auto& [vm, one] : intents.vms) {
    if (!has_vm(inventory, vm)) {
      return fail(ErrorCode::kNotFound,
                  fmt::format("line {}: {} has no VM '{}'", one.line, inventory.name, vm),
                  "correct the name, or take the VM out of the file");
    }
    const std::string whose = fmt::format("line {}: VM {}", one.line, vm);
    if (now_wall_us) GODWIT_CHECK_OK(check_time(one, whose, *now_wall_us));
  }
  return {};
}

void keep_those_that_stay(const IntentFile& intents, const fleet::Inventory& inventory,
                          fleet::Goal& goal) {
  for (const auto& [vm, one] : intents.vms) {
    const fleet::FleetVm* const there = find_vm(inventory, vm);
    const bool here = there != nullptr && there->host == goal.empty;
    const bool kept = std::find(goal.keep.begin(), goal.keep.end(), vm) != goal.keep.end();
    if (one.stays && here && !kept) goal.keep.push_back(vm);
  }
}

std::map<std::string, fleet::Wish> wishes_of(const IntentFile& intents,
                                             const fleet::Inventory& inventory,
                                             std::int64_t now_wall_us) {
  std::map<std::string, fleet::Wish> wishes;
  for (const fleet::FleetVm& vm : inventory.vms) {
    const VmIntent& one = intents.of(vm.name);
    const Seconds later(one.not_before ? static_cast<double>(*one.not_before - now_wall_us) * 1e-6
                                       : 0);
    wishes[vm.name] = {std::max(later, Seconds(0)), one.priority, one.apart, one.together};
  }
  return wishes;
}

}  // namespace godwit::hosts
