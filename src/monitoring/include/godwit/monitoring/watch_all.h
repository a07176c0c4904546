#pragma once

#include <string>
#include <vector>

#include "godwit/domain/migration_plan.h"
#include "godwit/terminal/context.h"
#include "godwit/watch/target.h"

namespace godwit::monitoring {

/// Which hosts and VMs `--all` names.
[[nodiscard]] Result<std::vector<watch::Target>> parse_targets(
    const std::vector<std::string>& names);
/// The lab that one of them means.
[[nodiscard]] std::optional<terminal::LabEntry> lab_entry_of(const std::vector<std::string>& names,
                                                             const std::string& lab);

/// `watch --all`: every migration of those, until a stop is requested. Returns the exit status.
int watch_all(const std::vector<std::string>& names, const std::string& lab, const Intent& intent,
              terminal::Context& context);

}  // namespace godwit::monitoring
