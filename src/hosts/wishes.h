#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "godwit/fleet/goal.h"
#include "godwit/hosts/intent_file.h"

/// Private to hosts: a file of intents, as the fleet that there is has to follow it.

namespace godwit::hosts {

/// kNotFound, kBadInput, with the line: a VM that the fleet has not got, and, unless `now_wall_us`
/// is absent, a time that has passed by then.
Result<void> check(const IntentFile& intents, const fleet::Inventory& inventory,
                   std::optional<std::int64_t> now_wall_us);

/// To the VMs that the goal keeps, those of its host that stay.
void keep_those_that_stay(const IntentFile& intents, const fleet::Inventory& inventory,
                          fleet::Goal& goal);

/// Of each VM; times since `now_wall_us`.
[[nodiscard]] std::map<std::string, fleet::Wish> wishes_of(const IntentFile& intents,
                                                           const fleet::Inventory& inventory,
                                                           std::int64_t now_wall_us);

}  // namespace godwit::hosts
