#pragma once

#include "godwit/base/json.h"
#include "godwit/engine/engine.h"

namespace godwit::terminal {

/// Whether a VM was rehearsed, why, and what that cost.
[[nodiscard]] Json json_of(const engine::Rehearsed& rehearsed);
/// What each other source of a profile saw of the writing (model/seen_share.h).
[[nodiscard]] Json seen_json(const GuestProfile& profile);

}  // namespace godwit::terminal
