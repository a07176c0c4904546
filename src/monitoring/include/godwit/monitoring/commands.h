#pragma once

#include "godwit/terminal/command.h"

namespace godwit::monitoring {

/// Adds the sub-command with its options, help and examples. `chosen` outlives the app.
void add_exporter(terminal::Command& app, terminal::Chosen& chosen);

}  // namespace godwit::monitoring
