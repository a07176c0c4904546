#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "godwit/base/error.h"
#include "godwit/base/unique_fd.h"

namespace godwit::relay {

/// A folder for one socket that only its owner may enter (0700), removed at the end. It is held by
/// a lock that the kernel frees with the process: those of killed processes are recognised by that
/// and removed by the next that makes one.
class PrivateFolder {
 public:
  /// In /run, $XDG_RUNTIME_DIR or /tmp, whichever may be written to first. `owner`: who may enter
  /// it, where that is not this user.
  static Result<PrivateFolder> make(std::optional<uid_t> owner);
  PrivateFolder(PrivateFolder&& other) noexcept;
  PrivateFolder& operator=(PrivateFolder&&) = delete;
  ~PrivateFolder();

  /// Where the socket goes; nothing else may be put there.
  [[nodiscard]] std::string socket_path() const { return path_ + "/stream"; }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  PrivateFolder(std::string path, UniqueFd locked)
      : path_(std::move(path)), locked_(std::move(locked)) {}
  std::string path_;  ///< empty once moved from
  UniqueFd locked_;
};

}  // namespace godwit::relay
