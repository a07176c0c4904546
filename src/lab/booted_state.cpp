#include "godwit/lab/booted_state.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <utility>
#include <vector>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "godwit/base/log.h"
#include "godwit/base/unique_fd.h"
#include "godwit/lab/facts.h"

namespace godwit::lab {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostStored = 24;  // of 60 to 100 MB each

/// Absent where nothing can be kept.
std::optional<fs::path> folder_of_states() {
  const std::string cache = cache_folder();
  if (cache.empty()) return std::nullopt;
  fs::path folder = fs::path(cache) / "booted";
  std::error_code error;
  fs::create_directories(folder, error);
  if (error || access(folder.c_str(), W_OK) != 0) return std::nullopt;
  return folder;
}

void keep_the_newest(const fs::path& folder) {
  std::vector<std::pair<fs::file_time_type, fs::path>> files;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(folder, none)) {
    files.emplace_back(entry.last_write_time(none), entry.path());
  }
  std::sort(files.rbegin(), files.rend());
  for (std::size_t i = kMostStored; i < files.size(); ++i) fs::remove(files[i].second, none);
}

}  // namespace

std::optional<std::string> booted_state(
    const std::string& key, const std::function<Result<void>(const std::string& file)>& store) {
  const auto folder = folder_of_states();
  if (!folder) return std::nullopt;
  const fs::path file = *folder / fmt::format("{:016x}", XXH3_64bits(key.data(), key.size()));
  std::error_code error;
  if (!fs::exists(file, error)) {
    // not by this process's number, which is another's, too, in another namespace of processes
    std::string mine = file.string() + ".XXXXXX";
    const UniqueFd made(mkostemp(mine.data(), O_CLOEXEC));
    if (!made.valid()) return std::nullopt;
    if (const auto stored = store(mine); !stored) {
      log::info("a guest that has booted is not stored: {}", stored.error().message);
      if (stored.error().code == ErrorCode::kTimeout) {  // a busy machine's, not this guest's way
        fs::remove(mine, error);
        return std::nullopt;
      }
      std::ofstream(mine, std::ios::trunc).flush();
    }
    fs::rename(mine, file, error);
    keep_the_newest(*folder);
  }
  const auto size = fs::file_size(file, error);
  if (error || size == 0) return std::nullopt;
  fs::last_write_time(file, fs::file_time_type::clock::now(), error);
  return file.string();
}

void forget_booted_state(const std::string& file) {
  std::error_code none;
  fs::remove(file, none);
}

std::string stamp_of(const std::string& file) {
  std::error_code none;
  return fmt::format("{} {} {}\n", file, fs::file_size(file, none),
                     fs::last_write_time(file, none).time_since_epoch().count());
}

std::string stamp_of_image(const std::string& image) {
  return stamp_of(image + "/vmlinux") + stamp_of(image + "/initrd.img") +
         stamp_of(image + "/cmdline");
}

}  // namespace godwit::lab
