#pragma once

#include <filesystem>
#include <string_view>

#include "godwit/base/error.h"

namespace godwit::terminal {

/// A file that the user named, made or overwritten. kEnvironment when it cannot be written;
/// kPermission where the name is another user's link.
Result<void> write_file(const std::filesystem::path& path, std::string_view text);

}  // namespace godwit::terminal
