#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>

#include "godwit/base/clock.h"
#include "godwit/lab/user_lab.h"
#include "output.h"

namespace godwit::cli {

/// What every command is given.
struct Context {
  Output& out;
  Clock& clock;
  std::stop_token stop;
};

/// An ordinary user's lab lives in namespaces that must be entered before there is any thread.
struct LabEntry {
  std::string lab;
  lab::EnterMode mode = lab::EnterMode::kJoin;
};

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
void add_bench(CLI::App& app, Chosen& chosen);
void add_bench_data(CLI::App& bench, Chosen& chosen);
void add_bench_command(CLI::App& bench, Chosen& chosen);
void add_history(CLI::App& app, Chosen& chosen);
void add_manual(CLI::App& app, Chosen& chosen);

/// The footer with examples, one a line, as every help page ends.
void add_examples(CLI::App& command, std::initializer_list<const char*> examples);

}  // namespace godwit::cli
