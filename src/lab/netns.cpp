#include "netns.h"

#include <sys/mount.h>
#include <sys/stat.h>

#include <algorithm>

#include "paths.h"
#include "processes.h"

namespace godwit::lab {

Result<void> enter_netns(const std::string& path) {
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid())
    return fail(errno_error(fmt::format("opening network namespace {}", path), errno));
  if (setns(fd.get(), CLONE_NEWNET) == 0) return {};
  Error error = errno_error(fmt::format("entering network namespace {}", path), errno);
  error.what_to_do = "run it as root, or as the user whose lab it is";
  return fail(std::move(error));
}

std::vector<std::string> netns_names(const std::string& prefix) {
  std::vector<std::string> names;
  for (std::string& name : names_in(std::string(kNetnsRoot))) {
    if (name.starts_with(prefix)) names.push_back(std::move(name));
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::string namespace_of(const std::string& name) {
  struct stat status {};
  if (stat(netns_path(name).c_str(), &status) != 0) return {};
  return fmt::format("net:[{}]", status.st_ino);
}

Result<void> remove_netns(const std::string& name) {
  const std::string path = netns_path(name);
  // Whoever made it may have died before the mount: then it is a plain file.
  umount2(path.c_str(), MNT_DETACH);
  if (unlink(path.c_str()) == 0 || errno == ENOENT) return {};
  return fail(errno_error(fmt::format("removing network namespace {}", name), errno));
}

}  // namespace godwit::lab
