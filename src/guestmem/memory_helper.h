#pragma once

#include <string>

#include "godwit/base/error.h"
#include "godwit/base/unique_fd.h"

/// The other half of godwit-memory (main.cpp).

namespace godwit::guestmem {

/// Its path: beside this process's program where it is there (a build's folder), else where the
/// package has it.
[[nodiscard]] std::string helper_program();

/// Has it open the memory of the QEMU at the other end of a connection to a QMP socket:
/// /proc/PID/mem, for reading. The connection is lent to it, and nothing is said on it. Errors, for
/// a person, without a remedy: kNotFound where the program is not installed, kPermission where this
/// user may not run it, or it refused.
Result<UniqueFd> memory_by_helper(const std::string& program, int monitor);

}  // namespace godwit::guestmem
