#pragma once

#include <functional>
#include <initializer_list>
#include <optional>
#include <string>

#include "context.h"

namespace CLI {
class App;
}

namespace godwit::cli {

/// What the command line asked for; filled in by the chosen sub-command's callback.
struct Chosen {
  std::function<int(Context&)> action;
  std::optional<LabEntry> lab;
};

// Each adds one sub-command with its options, help and examples. `chosen` outlives the app.
void add_demo(CLI::App& app, Chosen& chosen);
void add_lab(CLI::App& app, Chosen& chosen);
void add_profile(CLI::App& app, Chosen& chosen);
void add_predict(CLI::App& app, Chosen& chosen);
void add_migrate(CLI::App& app, Chosen& chosen);
void add_recover(CLI::App& app, Chosen& chosen);
void add_bench(CLI::App& app, Chosen& chosen);
void add_bench_data(CLI::App& bench, Chosen& chosen);
void add_bench_command(CLI::App& bench, Chosen& chosen);
void add_bench_steer(CLI::App& bench, Chosen& chosen);
void add_evaluate(CLI::App& app, Chosen& chosen);
void add_history(CLI::App& app, Chosen& chosen);
void add_learn(CLI::App& app, Chosen& chosen);
void add_manual(CLI::App& app, Chosen& chosen);

/// The footer with examples, one a line, as every help page ends.
void add_examples(CLI::App& command, std::initializer_list<const char*> examples);

}  // namespace godwit::cli
