#pragma once

#include "godwit/terminal/command.h"

namespace godwit::monitoring {

// Each adds one sub-command with its options, help and examples. `chosen` outlives the app.
void add_exporter(terminal::Command& app, terminal::Chosen& chosen);
void add_history(terminal::Command& app, terminal::Chosen& chosen);
void add_show(terminal::Command& app, terminal::Chosen& chosen);

}  // namespace godwit::monitoring
