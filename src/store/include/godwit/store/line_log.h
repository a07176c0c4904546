#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "godwit/base/error.h"
#include "godwit/base/unique_fd.h"

namespace godwit::store {

/// A file of lines that only grows: what was appended survives a crash at any later moment. One
/// writer at a time, held by a lock; not thread-safe.
class LineLog {
 public:
  /// Opens the file, or makes it and its folders (0700). A torn last line, left by a writer that
  /// died, is cut off: nobody was told that it is there. kBusy while another process writes to it;
  /// kPermission, kEnvironment, kBadInput as for any file.
  static Result<LineLog> open(std::filesystem::path path);

  /// On disk when it returns; `line` has no newline of its own. kEnvironment when the disk is full:
  /// the file is then as it was.
  Result<void> append(std::string_view line);

 private:
  LineLog(std::filesystem::path path, UniqueFd fd, std::int64_t size)
      : path_(std::move(path)), fd_(std::move(fd)), size_(size) {}

  std::filesystem::path path_;
  UniqueFd fd_;
  std::int64_t size_;
};

/// Hands over each whole line, in order; none where there is no file. Stops at the first error of
/// `visit`, and adds the line's number to it. May be called while a writer appends.
Result<void> read_lines(const std::filesystem::path& path,
                        const std::function<Result<void>(std::string_view)>& visit);

}  // namespace godwit::store
