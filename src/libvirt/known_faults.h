#pragma once

#include <string>
#include <vector>

#include "connection.h"
#include "godwit/domain/technique.h"

/// Private to libvirt.

namespace godwit::libvirt {

/// What a migration by that technique may meet of the faults that the destination's daemon is known
/// for, each with what helps. Pure.
[[nodiscard]] std::vector<std::string> known_faults(Technique technique,
                                                    const Connection::Version& destination);

}  // namespace godwit::libvirt
