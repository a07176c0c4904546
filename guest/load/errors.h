#pragma once

#include <cerrno>
#include <string>
#include <system_error>

namespace godwit::guest {

/// As the kernel says it: "DISK: No space left on device".
[[noreturn]] inline void throw_error(int error, const std::string& what) {
  throw std::system_error(error, std::generic_category(), what);
}
[[noreturn]] inline void throw_errno(const std::string& what) {
  throw_error(errno, what);
}

}  // namespace godwit::guest
