#include "godwit/hosts/record_file.h"

#include <string_view>

namespace godwit::hosts {

Result<std::unique_ptr<FileRecord>> FileRecord::open(const std::filesystem::path& path) {
  auto log = store::LineLog::open(path);
  if (log) return std::unique_ptr<FileRecord>(new FileRecord(std::move(*log)));
  Error error = std::move(log).error();
  if (error.code == ErrorCode::kBusy) {
    error.message = "another godwit moves VMs of this fleet";
    error.what_to_do = "wait until it is done";
  }
  return fail(std::move(error));
}

Result<void> FileRecord::append(const fleet::Entry& entry) {
  const std::lock_guard lock(mutex_);
  return log_.append(to_line(entry));
}

Result<std::vector<fleet::Entry>> read_record(const std::filesystem::path& path) {
  std::vector<fleet::Entry> entries;
  GODWIT_CHECK_OK(store::read_lines(path, [&entries](std::string_view line) -> Result<void> {
    GODWIT_TRY(fleet::Entry entry, fleet::entry_from(line));
    entries.push_back(std::move(entry));
    return {};
  }));
  return entries;
}

}  // namespace godwit::hosts
