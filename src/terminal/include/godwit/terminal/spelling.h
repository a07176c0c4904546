#pragma once

#include <string>
#include <string_view>

#include "godwit/base/error.h"

/// How the command line spells what errors say.

namespace godwit::terminal {

/// The option that sets it, as it is typed: "--max-downtime 40ms".
[[nodiscard]] std::string option(Setting setting, std::string_view value = {});

/// The error with each setting of its remedy written as an option.
[[nodiscard]] Error spelt(const Error& error);

}  // namespace godwit::terminal
