#include "godwit/base/foreign_file.h"

#include <fmt/format.h>
#include <sys/stat.h>

namespace godwit {
namespace {

bool is_trusted(uid_t user, uid_t me) {
  return user == 0 || user == me;
}

}  // namespace

Result<void> refuse_foreign_link(const std::filesystem::path& path, uid_t me) {
  struct stat there {};
  if (::lstat(path.c_str(), &there) != 0 || !S_ISLNK(there.st_mode)) return {};
  if (is_trusted(there.st_uid, me)) return {};
  return fail(
      ErrorCode::kPermission,
      fmt::format("{} is a link that another user (number {}) made", path.native(), there.st_uid),
      "name the file that it should lead to, or one in a folder of your own");
}

bool may_be_anybodys_socket(const std::filesystem::path& path, uid_t server, uid_t me) {
  if (is_trusted(server, me)) return false;
  const std::filesystem::path folder = path.has_parent_path() ? path.parent_path() : ".";
  struct stat there {};
  return ::stat(folder.c_str(), &there) == 0 && (there.st_mode & S_IWOTH) != 0;
}

}  // namespace godwit
