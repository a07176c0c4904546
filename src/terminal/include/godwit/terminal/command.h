#pragma once

#include <functional>
#include <initializer_list>
#include <optional>

#include "godwit/terminal/command_line.h"
#include "godwit/terminal/context.h"

namespace godwit::terminal {

/// What the command line asked for; filled in by the chosen sub-command's callback.
struct Chosen {
  std::function<int(Context&)> action;
  std::optional<LabEntry> lab;
};

/// The footer with examples, one a line, as every help page ends.
void add_examples(Command& command, std::initializer_list<const char*> examples);

}  // namespace godwit::terminal
