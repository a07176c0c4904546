#include "godwit/terminal/spelling.h"

#include <algorithm>

namespace godwit::terminal {

std::string option(Setting setting, std::string_view value) {
  std::string text("--");
  text += setting == Setting::kVariable ? "set" : to_string(setting);
  std::replace(text.begin(), text.end(), '_', '-');
  if (!value.empty()) text.append(" ").append(value);
  return text;
}

Error spelt(const Error& error) {
  return {error.code, error.message, error.what_to_do.text(&option)};
}

}  // namespace godwit::terminal
