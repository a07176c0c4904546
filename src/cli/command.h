#pragma once

#include <functional>
#include <initializer_list>
#include <optional>
#include <string>

#include "command_line.h"
#include "context.h"

namespace godwit::cli {

/// What the command line asked for; filled in by the chosen sub-command's callback.
struct Chosen {
  std::function<int(Context&)> action;
  std::optional<LabEntry> lab;
};

// Each adds one sub-command with its options, help and examples. `chosen` outlives the app.
void add_demo(Command& app, Chosen& chosen);
void add_lab(Command& app, Chosen& chosen);
void add_profile(Command& app, Chosen& chosen);
void add_predict(Command& app, Chosen& chosen);
void add_migrate(Command& app, Chosen& chosen);
void add_watch(Command& app, Chosen& chosen);
void add_recover(Command& app, Chosen& chosen);
void add_bench(Command& app, Chosen& chosen);
void add_bench_data(Command& bench, Chosen& chosen);
void add_bench_command(Command& bench, Chosen& chosen);
void add_bench_steer(Command& bench, Chosen& chosen);
void add_evaluate(Command& app, Chosen& chosen);
void add_history(Command& app, Chosen& chosen);
void add_learn(Command& app, Chosen& chosen);
void add_manual(Command& app, Chosen& chosen);

/// The footer with examples, one a line, as every help page ends.
void add_examples(Command& command, std::initializer_list<const char*> examples);

}  // namespace godwit::cli
