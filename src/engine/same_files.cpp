#include "same_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <optional>
#include <utility>
#include <vector>

#include "godwit/base/unique_fd.h"
#include "godwit/medium/medium.h"

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
  if (vm.pid == 0) return std::nullopt;
  if (disk.descriptor) {
    std::string open_as = fmt::format("/proc/{}/fd/{}", vm.pid, *disk.descriptor);
    return id_of(open_as) ? std::optional(std::move(open_as)) : std::nullopt;
  }
  const Medium medium = medium_of(disk);
  if (medium.kind != Medium::Kind::kFile || medium.path.empty()) return std::nullopt;
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
    const Disk* there = counterpart(here, destination.disks);
    if (there == nullptr) continue;
    auto ours = path_of(source, here);
    auto theirs = path_of(destination, *there);
    if (ours && theirs) pairs.push_back({here, *there, std::move(*ours), std::move(*theirs)});
  }
  return pairs;
}

/// A network's file system that is mounted twice may show one file as two, with one number each.
bool may_be_one(const std::string& path) {
  constexpr std::array<std::uint64_t, 9> kShared{
      0x6969,      // nfs
      0xff534d42,  // cifs
      0xfe534d42,  // smb2
      0x00c36400,  // ceph
      0x65735546,  // fuse: glusterfs, sshfs …
      0x01161970,  // gfs2
      0x7461636f,  // ocfs2
      0x0bd00bd0,  // lustre
      0x01021997,  // 9p
  };
  struct statfs system {};
  if (::statfs(path.c_str(), &system) != 0) return true;
  const auto type = static_cast<std::uint32_t>(system.f_type);
  return std::find(kShared.begin(), kShared.end(), type) != kShared.end();
}

/// Nothing where that can't be seen.
std::optional<bool> is_one_file(const Pair& pair) {
  const auto ours = id_of(pair.ours);
  const auto theirs = id_of(pair.theirs);
  if (!ours || !theirs) return std::nullopt;
  if (*ours == *theirs) return true;
  const bool one_number = ours->second != 0 && ours->second == theirs->second;
  if (one_number && may_be_one(pair.ours) && may_be_one(pair.theirs)) return std::nullopt;
  return false;
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
    if (const auto one = is_one_file(pair)) same[pair.here.device] = *one;
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

/// What is known without reading.
std::optional<bool> SameContents::known(const File& a, const File& b) const {
  if (a.size() != b.size()) return false;
  const auto found = known_.find({*a.stamp(), *b.stamp()});
  return found == known_.end() ? std::nullopt : std::optional(found->second);
}

/// Nothing when one of them can't be read, or `on_piece` says to stop.
std::optional<bool> SameContents::read(const File& a, const File& b,
                                       const std::function<bool(Bytes)>& on_piece) {
  const std::pair key{*a.stamp(), *b.stamp()};
  std::vector<char> one(kPiece);
  std::vector<char> other(kPiece);
  const int left = a.from_start();
  const int right = b.from_start();
  while (true) {
    const auto got = read_piece(left, one);
    const auto other_got = read_piece(right, other);
    if (!got || !other_got) return std::nullopt;
    const auto end = one.begin() + static_cast<std::ptrdiff_t>(*got);
    if (got != other_got || !std::equal(one.begin(), end, other.begin()))
      return known_[key] = false;
    if (*got < kPiece) return known_[key] = true;
    if (!on_piece(Bytes(static_cast<std::int64_t>(*got)))) return std::nullopt;
  }
}

Result<std::map<std::string, bool>> SameContents::compare(const VmDescription& source,
                                                          const VmDescription& destination,
                                                          const std::stop_token& stop,
                                                          const OnRead& on_read) {
  struct Media {
    std::string device;
    File ours;
    File theirs;
    bool tells_equal;  ///< equal bytes say little of an image that shows what others hold
  };
  std::vector<Media> media;
  std::map<std::string, bool> same;
  Bytes total;
  for (const Pair& pair : visible_pairs(source, destination)) {
    const bool read_only = !pair.here.writable && !pair.here.travels_with_memory;
    if (!read_only || is_one_file(pair) == true) continue;
    Media one{pair.here.device, File(pair.ours), File(pair.theirs),
              !pair.here.has_backing && !pair.there.has_backing};
    if (!one.ours.stamp() || !one.theirs.stamp()) continue;
    if (!known(one.ours, one.theirs)) total = capped_sum(total, Bytes(one.ours.size()));
    media.push_back(std::move(one));
  }
  Bytes done;
  const auto on_piece = [&](Bytes piece) {
    done = capped_sum(done, piece);
    if (on_read) on_read(done, total);
    return !stop.stop_requested();
  };
  for (const Media& one : media) {
    auto verdict = known(one.ours, one.theirs);
    if (!verdict && on_piece(Bytes(0))) verdict = read(one.ours, one.theirs, on_piece);
    if (verdict && (!*verdict || one.tells_equal)) same[one.device] = *verdict;
  }
  if (!stop.stop_requested()) return same;
  return fail(ErrorCode::kInterrupted, "interrupted while media were compared",
              "nothing was touched; run the command again");
}

}  // namespace godwit::engine
