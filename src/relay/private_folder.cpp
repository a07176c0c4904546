#include "private_folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <memory>
#include <string_view>
#include <utility>

namespace godwit::relay {
namespace {

constexpr std::string_view kPrefix = "godwit-relay-";
constexpr int kTries = 10;  // against one that takes a folder for a stale one before it is locked

std::string root() {
  const char* const runtime = std::getenv("XDG_RUNTIME_DIR");
  for (const char* candidate : {"/run", runtime}) {
    if (candidate != nullptr && ::access(candidate, W_OK | X_OK) == 0) return candidate;
  }
  return "/tmp";
}

UniqueFd open_folder(const std::string& path) {
  return UniqueFd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}

/// Only by who holds its lock.
void remove(const std::string& path, const UniqueFd& locked) {
  (void)::unlinkat(locked.get(), "stream", 0);
  (void)::rmdir(path.c_str());
}

void remove_stale(const std::string& in) {
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir(in.c_str()), ::closedir);
  if (folder == nullptr) return;
  while (const dirent* const entry = ::readdir(folder.get())) {
    if (!std::string_view(entry->d_name).starts_with(kPrefix)) continue;
    const std::string path = in + "/" + entry->d_name;
    const UniqueFd locked = open_folder(path);
    if (locked.valid() && ::flock(locked.get(), LOCK_EX | LOCK_NB) == 0) remove(path, locked);
  }
}

/// A new folder with its lock; nothing where another process was quicker.
Result<std::optional<std::pair<std::string, UniqueFd>>> make_locked(const std::string& in) {
  std::string path = fmt::format("{}/{}XXXXXX", in, kPrefix);
  if (::mkdtemp(path.data()) == nullptr) {
    return fail(errno_error("making a folder in " + in, errno));
  }
  UniqueFd locked = open_folder(path);
  struct stat there {};
  const bool ours = locked.valid() && ::flock(locked.get(), LOCK_EX | LOCK_NB) == 0 &&
                    ::stat(path.c_str(), &there) == 0;
  if (!ours) return std::nullopt;
  return std::pair(std::move(path), std::move(locked));
}

}  // namespace

Result<PrivateFolder> PrivateFolder::make(std::optional<uid_t> owner) {
  const std::string in = root();
  remove_stale(in);
  for (int i = 0; i < kTries; ++i) {
    GODWIT_TRY(auto made, make_locked(in));
    if (!made) continue;
    PrivateFolder folder(std::move(made->first), std::move(made->second));
    if (owner && ::fchown(folder.locked_.get(), *owner, static_cast<gid_t>(-1)) != 0) {
      return fail(errno_error(fmt::format("giving {} to user {}", folder.path_, *owner), errno));
    }
    return folder;
  }
  return fail(ErrorCode::kBusy, "folders of relays in " + in + " vanish as soon as they are made");
}

PrivateFolder::PrivateFolder(PrivateFolder&& other) noexcept
    : path_(std::exchange(other.path_, {})), locked_(std::move(other.locked_)) {}

PrivateFolder::~PrivateFolder() {
  if (!path_.empty()) remove(path_, locked_);
}

}  // namespace godwit::relay
