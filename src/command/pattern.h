#pragma once

#include <string>
#include <string_view>

#include "godwit/base/error.h"

/// Private to command: POSIX extended regular expressions. Not std::regex, whose depth of recursion
/// grows with the text, which here comes from anywhere.

namespace godwit::command {

/// kBadInput for an expression that cannot be meant, that is longer than 400 characters, or that
/// uses what may take for ever: repetition counts and references back.
Result<void> check_pattern(const std::string& pattern);

/// Is it found in the text? ^ and $ are each line's; line ends may be \r\n, NULs count as blanks.
/// The pattern has passed check_pattern().
bool found_in(const std::string& pattern, std::string_view text);

}  // namespace godwit::command
