#include "godwit/store/vm_lock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>

#include <cerrno>

namespace godwit::store {

Result<VmLock> VmLock::acquire(std::int64_t pid) {
  if (pid <= 0) {
    return fail(ErrorCode::kUnsupported, "cannot tell which process is this VM's QEMU",
                "run godwit in the same process namespace as QEMU");
  }
  const std::string path = fmt::format("/proc/{}", pid);
  UniqueFd process(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!process.valid()) {
    const int error = errno;
    if (error != ENOENT) return fail(errno_error(fmt::format("cannot open {}", path), error));
    return fail(ErrorCode::kNotFound, fmt::format("there is no process {}", pid),
                "check that the VM is running and /proc shows its process");
  }
  if (::flock(process.get(), LOCK_EX | LOCK_NB) != 0) {
    const int error = errno;
    if (error != EWOULDBLOCK) return fail(errno_error(fmt::format("cannot lock {}", path), error));
    return fail(ErrorCode::kBusy,
                fmt::format("the VM (QEMU process {}) is being driven by another godwit", pid),
                "wait until that one is done, or end it");
  }
  return VmLock(std::move(process));
}

}  // namespace godwit::store
