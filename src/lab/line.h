#pragma once

#include <string>
#include <vector>

#include "godwit/base/error.h"
#include "godwit/base/unique_fd.h"
#include "godwit/lab/spec.h"
#include "lock.h"

/// The migration network of a lab that is to have a round trip. Kernels without netem delay
/// nothing, so a process does: it is the switch between the hosts, whose interfaces are taps of its
/// own, and holds each frame for half of the round trip. So all protocols are late alike. It lives
/// in the switch's namespace, and ends with the lab; that of a user's own lab ends with the lab's
/// keeper, too.

namespace godwit::lab {

/// In a host's namespace, as kMigrationInterface; it goes when its descriptor is closed.
Result<UniqueFd> make_line_end(const std::string& netns);

/// `ends`: of the hosts, in their order.
Result<void> start_line(const LabLock& lock, const LabSpec& spec,
                        const std::vector<UniqueFd>& ends);

/// Does it live?
bool line_runs(const std::string& lab);

}  // namespace godwit::lab
