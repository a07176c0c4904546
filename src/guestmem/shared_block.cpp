#include "shared_block.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <charconv>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <utility>

#include "bus_guard.h"

namespace godwit::guestmem {
namespace {

/// Where in which file a block lies.
struct Place {
  dev_t device = 0;
  ino_t inode = 0;
  off_t offset = 0;
};

std::optional<std::uint64_t> hexadecimal(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// From a line of /proc/PID/maps: "start-end perms offset major:minor inode path". Nothing unless
/// it holds the whole block, as a shared mapping of a file.
std::optional<Place> place_in(const std::string& line, const RamBlock& block) {
  std::istringstream words(line);
  std::string range, permissions, offset, device;
  std::uint64_t inode = 0;
  if (!(words >> range >> permissions >> offset >> device >> inode)) return std::nullopt;
  const auto dash = range.find('-');
  const auto colon = device.find(':');
  if (dash == std::string::npos || colon == std::string::npos) return std::nullopt;
  const std::string_view view(range);
  const auto start = hexadecimal(view.substr(0, dash));
  const auto end = hexadecimal(view.substr(dash + 1));
  const auto from = hexadecimal(offset);
  const auto major = hexadecimal(std::string_view(device).substr(0, colon));
  const auto minor = hexadecimal(std::string_view(device).substr(colon + 1));
  if (!start || !end || !from || !major || !minor) return std::nullopt;
  const std::uint64_t block_end =
      block.host_address + static_cast<std::uint64_t>(block.size.count());
  const bool whole = *start <= block.host_address && block_end <= *end;
  if (!whole || inode == 0 || permissions.size() < 4 || permissions[3] != 's') return std::nullopt;
  Place place;
  place.device = makedev(static_cast<unsigned>(*major), static_cast<unsigned>(*minor));
  place.inode = inode;
  place.offset = static_cast<off_t>(*from + (block.host_address - *start));
  return place;
}

std::optional<Place> place_of(std::int64_t pid, const RamBlock& block) {
  std::ifstream maps(fmt::format("/proc/{}/maps", pid));
  for (std::string line; std::getline(maps, line);) {
    if (const auto place = place_in(line, block)) return place;
  }
  return std::nullopt;
}

/// The VM holds the file open, under some number.
UniqueFd open_file_of(std::int64_t pid, const Place& place) {
  std::error_code ignored;
  const auto folder = std::filesystem::directory_iterator(fmt::format("/proc/{}/fd", pid), ignored);
  for (const auto& entry : folder) {
    struct stat file {};
    if (stat(entry.path().c_str(), &file) != 0) continue;
    if (file.st_dev != place.device || file.st_ino != place.inode) continue;
    return UniqueFd(open(entry.path().c_str(), O_RDONLY | O_CLOEXEC));
  }
  return UniqueFd();
}

}  // namespace

SharedBlock::SharedBlock(UniqueFd file, off_t start, const std::byte* memory, std::size_t size)
    : file_(std::move(file)), start_(start), memory_(memory), size_(size) {}

SharedBlock::SharedBlock(SharedBlock&& other) noexcept
    : file_(std::move(other.file_)),
      start_(other.start_),
      memory_(std::exchange(other.memory_, nullptr)),
      size_(other.size_),
      data_from_(other.data_from_),
      data_to_(other.data_to_) {}

SharedBlock::~SharedBlock() {
  if (memory_ != nullptr) munmap(const_cast<std::byte*>(memory_), size_);
}

std::optional<SharedBlock> SharedBlock::map(std::int64_t pid, const RamBlock& block) {
  const auto place = place_of(pid, block);
  if (!place) return std::nullopt;
  UniqueFd file = open_file_of(pid, *place);
  if (!file.valid()) return std::nullopt;
  const auto size = static_cast<std::size_t>(block.size.count());
  void* const memory = mmap(nullptr, size, PROT_READ, MAP_SHARED, file.get(), place->offset);
  if (memory == MAP_FAILED) return std::nullopt;
  return SharedBlock(std::move(file), place->offset, static_cast<const std::byte*>(memory), size);
}

bool SharedBlock::show(std::size_t offset, std::size_t size,
                       const std::function<void(std::span<const std::byte>)>& look) {
  if (cut_short_) return false;
  const off_t at = start_ + static_cast<off_t>(offset);
  if (is_hole(at, size)) {
    cut_short_ = !reaches(at + static_cast<off_t>(size));  // what is not there is no hole
    zeros_.resize(size);
    if (!cut_short_) look(zeros_);
  } else {
    const BusGuard guard(std::span(memory_, size_));
    look(std::span(memory_ + offset, size));
    cut_short_ = guard.hit();
  }
  return !cut_short_;
}

bool SharedBlock::is_hole(off_t at, std::size_t size) {
  if (at >= data_from_ && at < data_to_) return false;
  const off_t data = lseek(file_.get(), at, SEEK_DATA);
  if (data < 0 || data >= at + static_cast<off_t>(size)) return true;
  data_from_ = at;
  data_to_ = lseek(file_.get(), data, SEEK_HOLE);
  return false;
}

bool SharedBlock::reaches(off_t end) const {
  struct stat now {};
  return fstat(file_.get(), &now) == 0 && now.st_size >= end;
}

}  // namespace godwit::guestmem
