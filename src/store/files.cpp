#include "files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "godwit/base/foreign_file.h"
#include "godwit/base/unique_fd.h"

namespace godwit::store {
namespace {

namespace fs = std::filesystem;

constexpr mode_t kPrivate = 0700;

Result<void> make_folders(const fs::path& folder) {
  struct stat status {};
  if (::stat(folder.c_str(), &status) == 0) {
    if (S_ISDIR(status.st_mode)) return {};
    return fail(file_error(folder, "use as a folder", ENOTDIR));
  }
  if (folder.has_parent_path() && folder.parent_path() != folder) {
    GODWIT_CHECK_OK(make_folders(folder.parent_path()));
  }
  // EEXIST: another process was quicker
  if (::mkdir(folder.c_str(), kPrivate) != 0 && errno != EEXIST) {
    return fail(file_error(folder, "make the folder", errno));
  }
  return {};
}

}  // namespace

Error file_error(const fs::path& path, std::string_view what, int errno_value) {
  Error error = errno_error(fmt::format("cannot {} {}", what, path.native()), errno_value);
  switch (errno_value) {
    case EACCES:
    case EPERM:
    case EROFS:
      error.code = ErrorCode::kPermission;
      error.what_to_do = "get the right to write there, or name a file elsewhere";
      break;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      error.code = ErrorCode::kEnvironment;
      error.what_to_do = "make room on that disk, or name a file elsewhere";
      break;
    case ENOTDIR:
    case EISDIR:
    case ENAMETOOLONG:
    case ELOOP:
      error.code = ErrorCode::kBadInput;
      error.what_to_do = "name an ordinary file in an ordinary folder";
      break;
    default:
      error.what_to_do = "check that disk, or name a file elsewhere";
  }
  return error;
}

Result<void> prepare_file(const fs::path& path) {
  if (!path.has_filename()) return fail(file_error(path, "use as a file", EISDIR));
  GODWIT_CHECK_OK(refuse_foreign_link(path, ::geteuid()));
  const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  GODWIT_CHECK_OK(make_folders(folder));
  if (::faccessat(AT_FDCWD, folder.c_str(), W_OK | X_OK, AT_EACCESS) != 0) {
    return fail(file_error(folder, "write to the folder", errno));
  }
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    if (errno == ENOENT) return {};
    return fail(file_error(path, "look at", errno));
  }
  if (S_ISDIR(status.st_mode)) return fail(file_error(path, "use as a file", EISDIR));
  if (!S_ISREG(status.st_mode)) {
    return fail(ErrorCode::kBadInput, fmt::format("{} is no ordinary file", path.native()),
                "name an ordinary file in an ordinary folder");
  }
  if (::faccessat(AT_FDCWD, path.c_str(), R_OK | W_OK, AT_EACCESS) != 0) {
    return fail(file_error(path, "write to", errno));
  }
  return {};
}

Result<std::string> read_all(int fd, const fs::path& path) {
  std::string text;
  char buffer[65536];
  for (;;) {
    const ssize_t got = ::pread(fd, buffer, sizeof buffer, static_cast<off_t>(text.size()));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(file_error(path, "read", errno));
    if (got == 0) return text;
    text.append(buffer, static_cast<std::size_t>(got));
  }
}

Result<void> write_at(int fd, std::string_view text, off_t at, const fs::path& path) {
  while (!text.empty()) {
    const ssize_t put = ::pwrite(fd, text.data(), text.size(), at);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return fail(file_error(path, "write to", errno));
    text.remove_prefix(static_cast<std::size_t>(put));
    at += put;
  }
  if (::fsync(fd) != 0) return fail(file_error(path, "write to", errno));
  return {};
}

Result<void> sync_folder(const fs::path& path) {
  const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  const UniqueFd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid() || ::fsync(fd.get()) != 0) return fail(file_error(folder, "sync", errno));
  return {};
}

}  // namespace godwit::store
