#include "godwit/terminal/command.h"

#include <fmt/format.h>

#include <string>

namespace godwit::terminal {

void add_examples(Command& command, std::initializer_list<const char*> examples) {
  std::string footer = "Examples:";
  for (const char* example : examples) footer += fmt::format("\n  {}", example);
  command.footer(footer);
}

}  // namespace godwit::terminal
