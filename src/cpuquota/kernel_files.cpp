#include "kernel_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>
#include <string_view>

#include "godwit/base/unique_fd.h"

namespace godwit::cpuquota {
namespace {

Os<void> done(int result) {
  if (result != 0) return tl::unexpected(errno);
  return {};
}

}  // namespace

Os<std::string> RealKernelFiles::read(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return tl::unexpected(errno);
  std::string text;
  std::array<char, 4096> part{};
  while (true) {
    const ssize_t got = ::read(file.get(), part.data(), part.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return tl::unexpected(errno);
    if (got == 0) return text;
    text.append(part.data(), static_cast<std::size_t>(got));
  }
}

Os<void> RealKernelFiles::write(const std::string& path, const std::string& text) {
  const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!file.valid()) return tl::unexpected(errno);
  ssize_t put = -1;
  do {
    put = ::write(file.get(), text.data(), text.size());
  } while (put < 0 && errno == EINTR);
  return done(put < 0 ? -1 : 0);
}

Os<void> RealKernelFiles::make_folder(const std::string& path) {
  return done(::mkdir(path.c_str(), 0755));
}

Os<void> RealKernelFiles::remove_folder(const std::string& path) {
  return done(::rmdir(path.c_str()));
}

Os<std::vector<std::string>> RealKernelFiles::folders(const std::string& path) {
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir(path.c_str()), &::closedir);
  if (!folder) return tl::unexpected(errno);
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* entry = ::readdir(folder.get())) {
    const std::string_view name = entry->d_name;
    if (entry->d_type == DT_DIR && name != "." && name != "..") names.emplace_back(name);
  }
  if (errno != 0) return tl::unexpected(errno);
  return names;
}

Os<void> RealKernelFiles::may_write(const std::string& path) {
  return done(::faccessat(AT_FDCWD, path.c_str(), W_OK, AT_EACCESS));
}

}  // namespace godwit::cpuquota
