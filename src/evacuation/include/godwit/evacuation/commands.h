#pragma once

#include "godwit/terminal/command.h"

namespace godwit::evacuation {

// Each adds one sub-command with its options, help and examples. `chosen` outlives the app.
void add_schedule(terminal::Command& app, terminal::Chosen& chosen);
void add_evacuate(terminal::Command& app, terminal::Chosen& chosen);
void add_restore(terminal::Command& app, terminal::Chosen& chosen);
void add_cordon(terminal::Command& app, terminal::Chosen& chosen);

}  // namespace godwit::evacuation
