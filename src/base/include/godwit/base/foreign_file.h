#pragma once

#include <sys/types.h>

#include <filesystem>

#include "godwit/base/error.h"

/// What other users of the host may have put in the way of a process with more rights than theirs.

namespace godwit {

/// kPermission where the path's last part is a symbolic link that neither root nor the user `me`
/// made: whoever made it chose the file that would be read or written.
[[nodiscard]] Result<void> refuse_foreign_link(const std::filesystem::path& path, uid_t me);

/// Whether a socket's process is another user's than root's and `me`, and its folder one in which
/// everybody may make files: whoever was first there answers. `server`: the process's user, by the
/// kernel.
[[nodiscard]] bool may_be_anybodys_socket(const std::filesystem::path& path, uid_t server,
                                          uid_t me);

}  // namespace godwit
