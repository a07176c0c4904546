#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "godwit/base/error.h"

namespace godwit::store {

/// The text in a gzip file. kNotFound where there is none, kCorrupt for one that is torn or of
/// another kind, or holds more than 1 GiB.
Result<std::string> read_gzip(const std::filesystem::path& path);

/// Puts a gzip file there, at once and whole: after a crash the old one or the new one is there.
/// The same text gives the same bytes.
Result<void> write_gzip(const std::filesystem::path& path, std::string_view text);

}  // namespace godwit::store
