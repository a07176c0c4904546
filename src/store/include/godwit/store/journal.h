#pragma once

#include <filesystem>
#include <vector>

#include "godwit/base/error.h"
#include "godwit/domain/ports.h"

namespace godwit::store {

/// A journal in a file of one JSON object per line. An entry is on disk when `record` returns; one
/// whose step is "done" ends its migration (same source, destination and processes), whose entries
/// then leave the file. Several processes may write to one file at once. Thread-safe.
class FileJournal final : public Journal {
 public:
  /// The file, and its folders (0700), are made by the first entry.
  explicit FileJournal(std::filesystem::path path) : path_(std::move(path)) {}

  /// Errors: kPermission, kEnvironment (disk full); nothing is kept of the entry then. kCorrupt for
  /// a "done" in a journal that can't be read: the entry is kept, and so are all others.
  Result<void> record(const JournalEntry& entry) override;

 private:
  std::filesystem::path path_;
};

/// The entries of migrations that are not done, oldest first; none where there is no file. A torn
/// last line was never reported as written (its writer died) and is left out. kCorrupt with the
/// line's number for any other line that is no entry.
Result<std::vector<JournalEntry>> read_journal(const std::filesystem::path& path);

}  // namespace godwit::store
