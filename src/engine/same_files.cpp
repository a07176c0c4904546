#include "same_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <utility>
#include <vector>

#include "godwit/base/unique_fd.h"
#include "godwit/domain/medium.h"

namespace godwit::engine {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kPiece = std::size_t{1} << 20;

/// What tells files apart: device and inode; of a block device, which one it is.
using FileId = std::pair<dev_t, ino_t>;

FileId id_of(const struct stat& status) {
  if (S_ISBLK(status.st_mode)) return {status.st_rdev, 0};
  return {status.st_dev, status.st_ino};
}

std::optional<FileId> id_of(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return std::nullopt;
  return id_of(status);
}

bool has_open(std::int64_t pid, const FileId& file) {
  std::error_code denied;
  for (const auto& entry : fs::directory_iterator(fmt::format("/proc/{}/fd", pid), denied)) {
    if (id_of(entry.path()) == file) return true;
  }
  return false;
}

/// Where we find a disk's file, seen with the process's own eyes. Only a file that it has open is
/// surely the one that it means.
std::optional<std::string> path_of(const VmDescription& vm, const Disk& disk) {
  const Medium medium = medium_of(disk);
  if (vm.pid == 0 || medium.kind != Medium::Kind::kFile || medium.path.empty()) return std::nullopt;
  const bool absolute = medium.path.starts_with('/');
  std::string path = absolute ? fmt::format("/proc/{}/root{}", vm.pid, medium.path)
                              : fmt::format("/proc/{}/cwd/{}", vm.pid, medium.path);
  const auto file = id_of(path);
  return file && has_open(vm.pid, *file) ? std::optional(std::move(path)) : std::nullopt;
}

/// One disk as both have it, and where its files are.
struct Pair {
  const Disk& here;
  const Disk& there;
  std::string ours;
  std::string theirs;
};
std::vector<Pair> visible_pairs(const VmDescription& source, const VmDescription& destination) {
  std::vector<Pair> pairs;
  for (const Disk& here : source.disks) {
    for (const Disk& there : destination.disks) {
      if (here.device != there.device) continue;
      auto ours = path_of(source, here);
      auto theirs = path_of(destination, there);
      if (ours && theirs) pairs.push_back({here, there, std::move(*ours), std::move(*theirs)});
    }
  }
  return pairs;
}

bool is_one_file(const Pair& pair) {
  return id_of(pair.ours) == id_of(pair.theirs);
}

/// Reads until the piece is full or the file ends; nothing on an error.
std::optional<std::size_t> read_piece(int file, std::vector<char>& piece) {
  std::size_t got = 0;
  while (got < piece.size()) {
    const ssize_t more = ::read(file, piece.data() + got, piece.size() - got);
    if (more < 0 && errno == EINTR) continue;
    if (more < 0) return std::nullopt;
    if (more == 0) break;
    got += static_cast<std::size_t>(more);
  }
  return got;
}

}  // namespace

std::map<std::string, bool> same_files(const VmDescription& source,
                                       const VmDescription& destination) {
  std::map<std::string, bool> same;
  for (const Pair& pair : visible_pairs(source, destination)) {
    same[pair.here.device] = is_one_file(pair);
  }
  return same;
}

/// Open to be read, if it is a file or a block device.
class SameContents::File {
 public:
  explicit File(const std::string& path)
      : file_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {
    struct stat status {};
    if (!file_.valid() || ::fstat(file_.get(), &status) != 0) return;
    if (!S_ISREG(status.st_mode) && !S_ISBLK(status.st_mode)) return;
    const off_t size = ::lseek(file_.get(), 0, SEEK_END);  // a block device's stat has none
    if (size < 0) return;
    const auto [device, inode] = id_of(status);
    stamp_ = {device, inode, size, status.st_mtim.tv_sec, status.st_mtim.tv_nsec};
  }
  [[nodiscard]] const std::optional<Stamp>& stamp() const { return stamp_; }
  [[nodiscard]] std::int64_t size() const { return std::get<2>(*stamp_); }
  [[nodiscard]] int from_start() const {
    return ::lseek(file_.get(), 0, SEEK_SET) == 0 ? file_.get() : -1;
  }

 private:
  UniqueFd file_;
  std::optional<Stamp> stamp_;
};

std::optional<bool> SameContents::equal(const File& a, const File& b, const std::stop_token& stop) {
  if (!a.stamp() || !b.stamp()) return std::nullopt;
  if (a.size() != b.size()) return false;
  const std::pair key{*a.stamp(), *b.stamp()};
  if (const auto known = known_.find(key); known != known_.end()) return known->second;
  std::vector<char> one(kPiece);
  std::vector<char> other(kPiece);
  const int left = a.from_start();
  const int right = b.from_start();
  while (!stop.stop_requested()) {
    const auto got = read_piece(left, one);
    const auto other_got = read_piece(right, other);
    if (!got || !other_got) return std::nullopt;
    const auto end = one.begin() + static_cast<std::ptrdiff_t>(*got);
    if (got != other_got || !std::equal(one.begin(), end, other.begin()))
      return known_[key] = false;
    if (*got < kPiece) return known_[key] = true;
  }
  return std::nullopt;
}

std::map<std::string, bool> SameContents::compare(const VmDescription& source,
                                                  const VmDescription& destination,
                                                  const std::stop_token& stop) {
  std::map<std::string, bool> same;
  for (const Pair& pair : visible_pairs(source, destination)) {
    const bool read_only = !pair.here.writable && !pair.here.travels_with_memory;
    if (!read_only || is_one_file(pair)) continue;
    const auto verdict = equal(File(pair.ours), File(pair.theirs), stop);
    // Equal bytes say little of an image that shows what others hold.
    const bool tells =
        verdict && (!*verdict || (!pair.here.has_backing && !pair.there.has_backing));
    if (tells) same[pair.here.device] = *verdict;
  }
  return same;
}

}  // namespace godwit::engine
