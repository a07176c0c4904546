#pragma once

#include "godwit/base/units.h"
#include "godwit/terminal/command.h"

namespace godwit::cli {

/// For a guest of the lab to get ready: many times what an emulated one takes.
inline constexpr Seconds kReadyPatience{120};

/// All of the program's commands, in the order of its help. `chosen` outlives the app, as below.
void add_commands(terminal::Command& app, terminal::Chosen& chosen);

// Each adds one sub-command with its options, help and examples.
void add_demo(terminal::Command& app, terminal::Chosen& chosen);
void add_lab(terminal::Command& app, terminal::Chosen& chosen);
void add_profile(terminal::Command& app, terminal::Chosen& chosen);
void add_predict(terminal::Command& app, terminal::Chosen& chosen);
void add_migrate(terminal::Command& app, terminal::Chosen& chosen);
void add_watch(terminal::Command& app, terminal::Chosen& chosen);
void add_recover(terminal::Command& app, terminal::Chosen& chosen);
void add_manual(terminal::Command& app, terminal::Chosen& chosen);

}  // namespace godwit::cli
