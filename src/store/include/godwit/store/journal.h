#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "godwit/base/error.h"
#include "godwit/base/units.h"
#include "godwit/domain/ports.h"

namespace godwit::store {

/// The journal of one migration or rehearsal, in a file that it shares with others: one JSON object
/// per line. An entry is on disk when `record` returns. An entry without an id gets this object's,
/// so that migrations never disturb each other, whatever they are called; one whose step is "done"
/// ends its migration, whose entries then leave the file. Several processes may write to one file
/// at once. Thread-safe.
class FileJournal final : public Journal {
 public:
  /// Others hold the lock for milliseconds; who holds it longer than this is stuck. A migration
  /// waits meanwhile.
  static constexpr Seconds kPatience{5};

  /// The file, and its folders (0700), are made by the first entry.
  explicit FileJournal(std::filesystem::path path, Seconds patience = kPatience);

  /// Errors: kPermission, kEnvironment (disk full), kBusy (locked by somebody, who is named, for
  /// longer than `patience`); nothing is kept of the entry then. kCorrupt for a "done" in a journal
  /// that can't be read: the entry is kept, and so are all others.
  Result<void> record(const JournalEntry& entry) override;
  /// Could entries be recorded now? To be asked before anything is begun that must be recorded:
  /// writes some entries' worth to the disk and takes it back. Errors as of `record`.
  Result<void> check();

 private:
  std::filesystem::path path_;
  Seconds patience_;
  std::string id_;
};

/// Are both of one migration? By their ids; those of older versions have none and are known by
/// addresses and processes.
[[nodiscard]] bool same_migration(const JournalEntry& a, const JournalEntry& b);

/// The entries of migrations that are not done, oldest first; none where there is no file. A torn
/// last line was never reported as written (its writer died) and is left out. kCorrupt with the
/// line's number for any other line that is no entry.
Result<std::vector<JournalEntry>> read_journal(const std::filesystem::path& path);

}  // namespace godwit::store
