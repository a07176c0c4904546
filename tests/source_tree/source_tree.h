#pragma once

#include <string>

namespace godwit {

/// A file or folder of this checkout, by its path in it: "suites", "src/codec/tests/data". Compiled
/// apart (tests/source_tree), so that what one checkout compiled serves the next one.
[[nodiscard]] std::string in_source_tree(const std::string& path);

/// The program that this build made.
[[nodiscard]] std::string built_godwit();

}  // namespace godwit
