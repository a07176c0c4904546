#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "godwit/base/units.h"

/// What the kernel says in /proc. Thread-safe.

namespace godwit {

/// What stands behind `key` on the first line of the file that begins with it ("MemTotal",
/// "model name"), without blanks and a colon before it; empty where there is no such line.
[[nodiscard]] std::string value_in(const std::string& path, std::string_view key);

/// The same of a line "Key:   123 kB".
[[nodiscard]] std::optional<Bytes> kilobytes_in(const std::string& path, std::string_view key);

/// A whole number that is not negative, and nothing else.
[[nodiscard]] std::optional<std::int64_t> natural_number(std::string_view text);

/// The name of a process's program, cut to 15 bytes; empty where there is no such process.
[[nodiscard]] std::string program_of(std::int64_t pid);

}  // namespace godwit
