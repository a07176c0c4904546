#pragma once

#include <filesystem>

#include "godwit/base/error.h"

/// Private to store: what the outcome store and the journal both need of the file system.

namespace godwit::store {

/// An Error from errno for a file: a full disk and a read-only one are told apart from the rest.
[[nodiscard]] Error file_error(const std::filesystem::path& path, std::string_view what,
                               int errno_value);

/// Makes the folders that `path` needs, with mode 0700, and checks that the file could be written
/// there: kPermission, kBadInput when the path is (or leads through) something that is no such
/// file.
Result<void> prepare_file(const std::filesystem::path& path);

}  // namespace godwit::store
