#include "lock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>
#include <stop_token>

#include "godwit/base/clock.h"
#include "paths.h"

namespace godwit::lab {
namespace {

Result<void> make_folder(const std::string& path, mode_t mode) {
  if (mkdir(path.c_str(), mode) == 0 || errno == EEXIST) return {};
  const int error = errno;
  Error what = errno_error(fmt::format("making {}", path), error);
  what.what_to_do = error == ENOSPC ? "free some space under /run" : "run it as root";
  return fail(std::move(what));
}

/// Was the folder removed (by a `down`) while its lock was awaited?
bool removed(int folder) {
  struct stat status {};
  return fstat(folder, &status) != 0 || status.st_nlink == 0;
}

}  // namespace

Result<LabLock> LabLock::acquire(const std::string& lab, bool create) {
  RealClock clock;
  const TimePoint give_up = clock.now() + Seconds{3};
  const std::string path = lab_folder(lab);
  do {
    if (create) {
      GODWIT_CHECK_OK(make_folder(std::string(kRunRoot), 0755));
      // between these two, a `down` elsewhere may have removed the empty root: then once more
      if (auto made = make_folder(path, 0700); !made) {
        if (made.error().code == ErrorCode::kNotFound) continue;
        return fail(std::move(made).error());
      }
    }
    UniqueFd folder(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!folder.valid()) {
      if (errno == ENOENT && create) continue;
      if (errno == ENOENT) {
        return fail(ErrorCode::kNotFound, fmt::format("there is no lab '{}'", lab),
                    "build one with: godwit lab up");
      }
      return fail(errno_error(fmt::format("opening {}", path), errno));
    }
    if (flock(folder.get(), LOCK_EX | LOCK_NB) == 0) {
      if (!removed(folder.get())) return LabLock(lab, std::move(folder));
      continue;
    }
  } while (clock.wait_until(clock.now() + Seconds{0.02}, {}) && clock.now() < give_up);
  return fail(ErrorCode::kBusy, fmt::format("another godwit is changing the lab '{}'", lab),
              "wait until it is done");
}

}  // namespace godwit::lab
