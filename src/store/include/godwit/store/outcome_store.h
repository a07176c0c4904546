#pragma once

#include <chrono>
#include <filesystem>
#include <memory>

#include "godwit/base/error.h"
#include "godwit/domain/ports.h"

namespace godwit::store {

/// Outcomes in one SQLite file: a table `outcomes` that holds each record as JSON (domain's codec)
/// and, computed from that JSON, the columns that people query:
///
///   sqlite3 outcomes.db 'select started_at, technique, status, total_time_s from outcomes'
///
/// Several processes may use one file at once. It is kept in SQLite's rollback-journal mode with
/// synchronous=EXTRA, not in WAL: WAL needs memory shared by all its users and so breaks on a
/// network file system, keeps recent rows in a second file, and buys only speed that a row per
/// migration doesn't need. A crash at any point leaves every record that `append` returned.
///
/// One thread at a time; never used by a child after fork().
class SqliteOutcomeStore final : public OutcomeStore {
 public:
  /// Others hold the lock for milliseconds; who holds it longer than this is stuck.
  static constexpr std::chrono::milliseconds kPatience{10'000};

  /// Opens a file or makes it, its folders too (0700), and brings an older schema up to date.
  /// Errors: kPermission (not writable), kCorrupt (no SQLite file, or another program's: left
  /// untouched), kUnsupported (written by a newer Godwit: left untouched), kBusy (locked by
  /// somebody for longer than `patience`), kEnvironment (disk full), kBadInput (a path that can't
  /// be a file).
  static Result<std::unique_ptr<SqliteOutcomeStore>> open(
      const std::filesystem::path& path, std::chrono::milliseconds patience = kPatience);
  ~SqliteOutcomeStore() override;

  /// The record's own id is ignored. Text that isn't UTF-8 is kept with U+FFFD for its odd bytes.
  /// kBadInput for a record that could not be read back (a NaN, say); on any error nothing is kept
  /// of this record and nothing happens to the others. Errors as in open().
  Result<std::int64_t> append(const OutcomeRecord& record) override;
  /// By indexes, however many are kept. Newest by order of `append`: wall clocks jump. A row that
  /// no longer decodes (edited by hand, or with values that only a newer Godwit knows) is left out
  /// with a warning in the log, and another takes its place.
  Result<std::vector<OutcomeRecord>> find(const HistoryQuery& query) override;
  /// The records that were kept after the one of that id: the oldest so many, oldest first. Rows
  /// that don't decode as in `find`.
  Result<std::vector<OutcomeRecord>> kept_after(std::int64_t id, std::int64_t limit);
  /// A copy of the store in a new file, whole or not there. kBadInput where there is a file
  /// already.
  Result<void> copy_to(const std::filesystem::path& file);

 private:
  class Connection;
  explicit SqliteOutcomeStore(std::unique_ptr<Connection> connection);
  std::unique_ptr<Connection> connection_;
};

}  // namespace godwit::store
