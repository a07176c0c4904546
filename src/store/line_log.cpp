#include "godwit/store/line_log.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>

#include "files.h"

namespace godwit::store {
namespace {

namespace fs = std::filesystem;

/// Where the last whole line ends.
Result<std::int64_t> whole_size(int fd, const fs::path& path) {
  constexpr std::int64_t kBlock = 65536;
  char block[kBlock];
  for (std::int64_t end = ::lseek(fd, 0, SEEK_END); end > 0;) {
    const std::int64_t begin = end > kBlock ? end - kBlock : 0;
    const ssize_t got = ::pread(fd, block, static_cast<std::size_t>(end - begin), begin);
    if (got != end - begin) return fail(file_error(path, "read", got < 0 ? errno : EIO));
    const auto last = std::string_view(block, static_cast<std::size_t>(got)).rfind('\n');
    if (last != std::string_view::npos) return begin + static_cast<std::int64_t>(last) + 1;
    end = begin;
  }
  return 0;
}

}  // namespace

Result<LineLog> LineLog::open(fs::path path) {
  GODWIT_CHECK_OK(prepare_file(path));
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!fd.valid()) return fail(file_error(path, "open", errno));
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return fail(file_error(path, "lock", errno));
    return fail(ErrorCode::kBusy, fmt::format("another godwit writes to {}", path.native()),
                "wait for it, or name another place");
  }
  GODWIT_TRY(const std::int64_t size, whole_size(fd.get(), path));
  if (::ftruncate(fd.get(), size) != 0) return fail(file_error(path, "write to", errno));
  GODWIT_CHECK_OK(sync_folder(path));
  return LineLog(std::move(path), std::move(fd), size);
}

Result<void> LineLog::append(std::string_view line) {
  std::string whole(line);
  whole += '\n';
  if (const auto written = write_at(fd_.get(), whole, size_, path_); !written) {
    if (::ftruncate(fd_.get(), size_) != 0) return written;  // a torn line, which `open` cuts off
    return written;
  }
  size_ += static_cast<std::int64_t>(whole.size());
  return {};
}

Result<void> read_lines(const fs::path& path,
                        const std::function<Result<void>(std::string_view)>& visit) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    if (errno == ENOENT) return {};
    return fail(file_error(path, "open", errno));
  }
  std::string line;
  for (std::int64_t number = 1; std::getline(file, line); ++number) {
    if (file.eof()) return {};  // without its newline: torn, or not yet whole
    if (auto seen = visit(line); !seen) {
      return fail(seen.error().while_doing(fmt::format("{}, line {}", path.native(), number)));
    }
  }
  return {};
}

}  // namespace godwit::store
