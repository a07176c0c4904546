#include "godwit/store/outcome_store.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sqlite3.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <system_error>

#include "files.h"
#include "godwit/base/json.h"
#include "godwit/base/log.h"
#include "godwit/base/unique_fd.h"
#include "godwit/codec/codec.h"
#include "schema.h"

namespace godwit::store {
namespace {

namespace fs = std::filesystem;

/// An Error from SQLite's result code. `os_errno`: of the system call that failed, if one did.
Error sqlite_error(const fs::path& path, int code, int os_errno, std::string_view detail) {
  const auto error = [&](ErrorCode kind, std::string_view why, Remedy what_to_do) {
    return Error{kind, fmt::format("{}: {} ({})", path.native(), why, detail),
                 std::move(what_to_do)};
  };
  switch (code) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return error(ErrorCode::kBusy, "another process keeps it locked",
                   "end the process that holds it (fuser shows which), then try again");
    case SQLITE_FULL:
      return file_error(path, "write to", ENOSPC);
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return file_error(path, "write to", EACCES);
    case SQLITE_NOTADB:
      return error(ErrorCode::kCorrupt, "it is no SQLite database",
                   {"name a file of Godwit's, or a new one, with ", Setting::kStore});
    case SQLITE_CORRUPT:
      return error(ErrorCode::kCorrupt, "it is damaged",
                   "move it away (Godwit makes a new one); sqlite3's .recover may save its rows");
    default:
      if (os_errno != 0) return file_error(path, "read or write", os_errno);
      return error(ErrorCode::kInternal, "SQLite failed", "check that disk and file");
  }
}

/// SQLite takes any file shorter than its smallest page for an empty database, and would write over
/// it. A journal beside the file means that its first commit was cut short: SQLite's to judge, as
/// whatever is longer. The file is not opened here: closing it again would drop the locks that
/// another thread's SQLite has on it.
Result<void> check_is_database(const fs::path& path) {
  constexpr std::uintmax_t kSmallestPage = 512;
  std::error_code missing;
  const std::uintmax_t size = fs::file_size(path, missing);
  if (missing || size == 0 || fs::exists(path.native() + "-journal", missing)) return {};
  if (size >= kSmallestPage) return {};
  return fail(sqlite_error(path, SQLITE_NOTADB, 0, "it is too short for one"));
}

/// SQLite would make a file that everybody may read; an empty one is a new database to it. One that
/// is there is not opened: see above.
Result<void> make_private(const fs::path& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd.valid() && errno != EEXIST) return fail(file_error(path, "open", errno));
  return {};
}

/// What is kept of a record: all but its id, which the row has.
Result<std::string> encode(const OutcomeRecord& record) {
  Json json = to_json(record);
  std::string text = json_text(json);
  // Better to refuse now, when the caller can say so, than to find the row unreadable later.
  GODWIT_TRY(const Json again, parse_json(text));
  if (const auto back = record_from_json(again); !back) {
    return fail(ErrorCode::kBadInput,
                "not kept, it could not be read back: " + back.error().message,
                "report this as a bug, with the command that led to it");
  }
  json.erase("id");
  return json_text(json);
}

Result<OutcomeRecord> decode(std::int64_t id, std::string_view text) {
  GODWIT_TRY(Json json, parse_json(text));
  if (json.is_object()) json["id"] = id;
  return record_from_json(json);
}

/// A file that is whole, on the disk under its lasting name; not where somebody else's is there.
Result<void> put_in_place(const fs::path& made, const fs::path& file) {
  const UniqueFd fd(::open(made.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid() || ::fsync(fd.get()) != 0) return fail(file_error(made, "write to", errno));
  if (::link(made.c_str(), file.c_str()) == 0) return sync_folder(file);
  if (errno != EEXIST) return fail(file_error(file, "make", errno));
  return fail(ErrorCode::kBadInput, fmt::format("{} is there already", file.native()),
              "name another file");
}

}  // namespace

/// Keeps SQLite's exceptions from leaving this file.
class SqliteOutcomeStore::Connection {
 public:
  Connection(fs::path path, std::chrono::milliseconds patience)
      : path_(std::move(path)), patience_(patience) {}

  /// Runs `work` on the open database; what it throws becomes an Error.
  template <class Work>
  auto guarded(Work work) -> decltype(work(std::declval<SQLite::Database&>())) {
    try {
      if (!database_) {
        database_.emplace(path_.native(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE,
                          static_cast<int>(patience_.count()));
        // EXTRA also syncs the folder once a commit's journal is gone, so that a power cut cannot
        // bring it back and undo the commit
        database_->exec("PRAGMA synchronous = EXTRA");
      }
      return work(*database_);
    } catch (const SQLite::Exception& e) {
      const int os_errno = database_ ? sqlite3_system_errno(database_->getHandle()) : 0;
      return fail(sqlite_error(path_, e.getErrorCode(), os_errno, e.what()));
    }
  }
  [[nodiscard]] const fs::path& path() const { return path_; }

 private:
  fs::path path_;
  std::chrono::milliseconds patience_;
  std::optional<SQLite::Database> database_;
};

SqliteOutcomeStore::SqliteOutcomeStore(std::unique_ptr<Connection> connection)
    : connection_(std::move(connection)) {}
SqliteOutcomeStore::~SqliteOutcomeStore() = default;

Result<std::unique_ptr<SqliteOutcomeStore>> SqliteOutcomeStore::open(
    const fs::path& path, std::chrono::milliseconds patience) {
  if (path.empty()) {
    return fail(ErrorCode::kBadInput, "the store's path is empty",
                {"name a file with ", Setting::kStore});
  }
  // absolute: SQLite gives relative names like ":memory:" and "file:x" a meaning of their own
  std::error_code ignored;
  auto connection = std::make_unique<Connection>(fs::absolute(path, ignored), patience);
  GODWIT_CHECK_OK(prepare_file(connection->path()));
  GODWIT_CHECK_OK(make_private(connection->path()));
  GODWIT_CHECK_OK(check_is_database(connection->path()));
  GODWIT_CHECK_OK(connection->guarded([&](SQLite::Database& database) -> Result<void> {
    auto migrated = migrate_schema(database, schema_steps());
    if (!migrated) return fail(migrated.error().while_doing(connection->path().native()));
    return migrated;
  }));
  return std::unique_ptr<SqliteOutcomeStore>(new SqliteOutcomeStore(std::move(connection)));
}

Result<std::int64_t> SqliteOutcomeStore::append(const OutcomeRecord& record) {
  GODWIT_TRY(const std::string text, encode(record));
  const std::string host = host_of(record.destination);
  return connection_->guarded([&](SQLite::Database& database) -> Result<std::int64_t> {
    SQLite::Statement insert(database,
                             "INSERT INTO outcomes (record, destination_host) VALUES (?, ?)");
    insert.bindNoCopy(1, text);
    insert.bindNoCopy(2, host);
    insert.exec();
    return database.getLastInsertRowid();
  });
}

namespace {

/// The rows that a query asks for, newest first.
SQLite::Statement rows_for(SQLite::Database& database, const HistoryQuery& query) {
  std::string sql = "SELECT id, record FROM outcomes WHERE TRUE";
  if (query.source) sql += " AND source = :source";
  if (query.destination) sql += " AND destination_host = :host";
  if (query.since_wall_us) sql += " AND started_at >= :since";
  SQLite::Statement rows(database, sql + " ORDER BY id DESC");
  if (query.source) rows.bind(":source", *query.source);
  if (query.destination) rows.bind(":host", host_of(*query.destination));
  if (query.since_wall_us) rows.bind(":since", iso8601(*query.since_wall_us));
  return rows;
}

using Records = std::vector<OutcomeRecord>;

/// So many rows of id and record, but for those that don't decode.
Records read(SQLite::Statement& rows, std::int64_t limit, const fs::path& path) {
  Records records;
  while (static_cast<std::int64_t>(records.size()) < limit && rows.executeStep()) {
    const std::int64_t id = rows.getColumn(0).getInt64();
    auto record = decode(id, rows.getColumn(1).getString());
    if (record) {
      records.push_back(std::move(*record));
    } else {
      log::warning("{}: row {} is left out: {}", path.native(), id, record.error().message);
    }
  }
  return records;
}

}  // namespace

Result<std::vector<OutcomeRecord>> SqliteOutcomeStore::find(const HistoryQuery& query) {
  return connection_->guarded([&](SQLite::Database& database) -> Result<Records> {
    SQLite::Statement rows = rows_for(database, query);
    return read(rows, query.limit, connection_->path());
  });
}

Result<std::vector<OutcomeRecord>> SqliteOutcomeStore::kept_after(std::int64_t id,
                                                                  std::int64_t limit) {
  return connection_->guarded([&](SQLite::Database& database) -> Result<Records> {
    SQLite::Statement rows(database, "SELECT id, record FROM outcomes WHERE id > ? ORDER BY id");
    rows.bind(1, id);
    return read(rows, limit, connection_->path());
  });
}

Result<void> SqliteOutcomeStore::copy_to(const fs::path& file) {
  GODWIT_CHECK_OK(prepare_file(file));
  // beside it, under a name that no other process makes: a crash leaves that, and never half a
  // store
  const fs::path next = fmt::format("{}.{}.new", file.native(), ::getpid());
  ::unlink(next.c_str());
  auto copied = connection_->guarded([&](SQLite::Database& database) -> Result<void> {
    SQLite::Statement copy(database, "VACUUM INTO ?");
    copy.bind(1, next.native());
    copy.exec();
    return {};
  });
  if (copied) copied = put_in_place(next, file);
  ::unlink(next.c_str());
  return copied;
}

}  // namespace godwit::store
