#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <string_view>

#include "godwit/base/error.h"

/// Private to store: what the stores and the journal need of the file system.

namespace godwit::store {

/// An Error from errno for a file: a full disk and a read-only one are told apart from the rest.
[[nodiscard]] Error file_error(const std::filesystem::path& path, std::string_view what,
                               int errno_value);

/// Makes the folders that `path` needs, with mode 0700, and checks that the file could be written
/// there: kPermission, kBadInput when the path is (or leads through) something that is no such
/// file.
Result<void> prepare_file(const std::filesystem::path& path);

/// All of an open file; `path` is for the error.
Result<std::string> read_all(int fd, const std::filesystem::path& path);
/// Writes all of `text` at a position, down to the disk.
Result<void> write_at(int fd, std::string_view text, off_t at, const std::filesystem::path& path);
/// Makes a new or renamed file's place in its folder last.
Result<void> sync_folder(const std::filesystem::path& path);

}  // namespace godwit::store
