#pragma once

#include <string>
#include <vector>

#include "godwit/domain/technique.h"
#include "godwit/libvirt/connection.h"

/// Private to libvirt_move.

namespace godwit::libvirt_move {

using libvirt::Connection;

/// What a migration by that technique may meet of the faults that the destination's daemon is known
/// for, each with what helps. Pure.
[[nodiscard]] std::vector<std::string> known_faults(Technique technique,
                                                    const Connection::Version& destination);

}  // namespace godwit::libvirt_move
