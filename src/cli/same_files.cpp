#include "same_files.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <filesystem>
#include <optional>
#include <utility>

namespace godwit::cli {
namespace {

namespace fs = std::filesystem;

/// What tells files apart: device and inode; of a block device, which one it is.
using FileId = std::pair<dev_t, ino_t>;

std::optional<FileId> id_of(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return std::nullopt;
  if (S_ISBLK(status.st_mode)) return FileId{status.st_rdev, 0};
  return FileId{status.st_dev, status.st_ino};
}

bool has_open(std::int64_t pid, const FileId& file) {
  std::error_code denied;
  for (const auto& entry : fs::directory_iterator(fmt::format("/proc/{}/fd", pid), denied)) {
    if (id_of(entry.path()) == file) return true;
  }
  return false;
}

/// Seen with the process's own eyes. Only a file that it has open is surely the one that it means:
/// who answers on a forwarded socket is not QEMU.
std::optional<FileId> file_of(const VmDescription& vm, const Disk& disk) {
  if (vm.pid == 0 || !disk.file.starts_with('/')) return std::nullopt;
  const auto file = id_of(fmt::format("/proc/{}/root{}", vm.pid, disk.file));
  return file && has_open(vm.pid, *file) ? file : std::nullopt;
}

}  // namespace

std::map<std::string, bool> same_files(const VmDescription& source,
                                       const VmDescription& destination) {
  std::map<std::string, bool> same;
  for (const Disk& here : source.disks) {
    for (const Disk& there : destination.disks) {
      if (here.device != there.device) continue;
      const auto ours = file_of(source, here);
      const auto theirs = file_of(destination, there);
      if (ours && theirs) same[here.device] = *ours == *theirs;
    }
  }
  return same;
}

}  // namespace godwit::cli
