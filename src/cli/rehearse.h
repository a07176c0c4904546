#pragma once

#include <cstdint>
#include <string>

#include "godwit/control/rehearsal.h"
#include "session.h"

namespace godwit::cli {

/// Rehearses a VM that was opened to be driven, with a progress bar, and journals it. The journal's
/// entry carries `name`.
Result<control::Rehearsal> rehearse_vm(OpenVm& vm, const std::string& name, Context& context);

/// What it cost, and why it ended early if it did.
[[nodiscard]] std::string rehearsal_text(const control::Rehearsal& rehearsal);
[[nodiscard]] Json rehearsal_json(const control::Rehearsal& rehearsal);

}  // namespace godwit::cli
