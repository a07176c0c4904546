#pragma once

#include "godwit/terminal/command.h"

/// The commands of those who measure: suites and campaigns, the errors of models, and learning from
/// outcomes.

namespace godwit::research {

// Each adds one sub-command with its options, help and examples. `chosen` outlives the app.
void add_bench(terminal::Command& app, terminal::Chosen& chosen);
void add_evaluate(terminal::Command& app, terminal::Chosen& chosen);
void add_learn(terminal::Command& app, terminal::Chosen& chosen);

}  // namespace godwit::research
