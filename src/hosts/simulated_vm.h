#pragma once

#include <cstdint>
#include <string>

#include "godwit/domain/guest_profile.h"
#include "godwit/domain/outcome.h"
#include "godwit/hosts/fleet_file.h"
#include "godwit/twin/session.h"

/// Private to hosts: a VM that is only written down, as the twin moves it.

namespace godwit::hosts {

/// As if it had been observed for 8 s. `listed`: read for a simulation.
[[nodiscard]] GuestProfile profile_of(const std::string& vm, const ListedVm& listed);

/// What chance decides of a VM's move to a host in one run: the same however it is moved.
[[nodiscard]] Result<twin::SessionOptions> chances_of(const GuestProfile& profile,
                                                      const std::string& to, std::uint64_t run);

}  // namespace godwit::hosts
