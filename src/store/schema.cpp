#include "schema.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <array>

#include "godwit/domain/address.h"

namespace godwit::store {
namespace {

// The JSON is the truth; the other columns are computed from it when they are read, so that they
// cannot disagree and a later version can add one without touching the rows.
constexpr const char* kVersion1 = R"(
  CREATE TABLE outcomes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,  -- never given twice
    record TEXT NOT NULL CHECK (json_valid(record)),
    started_at TEXT AS (record ->> '$.outcome.started_at'),
    source TEXT AS (record ->> '$.source'),
    destination TEXT AS (record ->> '$.destination'),
    technique TEXT AS (record ->> '$.outcome.technique'),
    status TEXT AS (record ->> '$.outcome.status'),
    vm_runs_on TEXT AS (record ->> '$.outcome.vm_runs_on'),
    total_time_s REAL AS (record ->> '$.outcome.total_time_s'),
    downtime_qemu_ms REAL AS (record ->> '$.outcome.downtime_ms.qemu'),
    downtime_events_ms REAL AS (record ->> '$.outcome.downtime_ms.events'),
    downtime_probe_ms REAL AS (record ->> '$.outcome.downtime_ms.probe'),
    transferred_qemu_bytes INTEGER AS (record ->> '$.outcome.transferred_bytes.qemu'),
    transferred_wire_bytes INTEGER AS (record ->> '$.outcome.transferred_bytes.wire'),
    link_bytes_per_s REAL AS (record ->> '$.link.rate_bytes_per_s')
  );
)";

// What a migration's history is asked for by. The host is computed when a row is written: SQL alone
// cannot take an address apart.
constexpr const char* kVersion2 = R"(
  ALTER TABLE outcomes ADD COLUMN destination_host TEXT;
  UPDATE outcomes SET destination_host = godwit_host_of(destination);
  CREATE INDEX outcomes_by_source ON outcomes (source);
  CREATE INDEX outcomes_by_destination_host ON outcomes (destination_host);
)";

constexpr std::array kSteps{kVersion1, kVersion2};

/// SQL's godwit_host_of(address), for the steps alone: another program's SQLite has no such
/// function.
void add_functions(SQLite::Database& database) {
  const auto call = [](sqlite3_context* context, int, sqlite3_value** arguments) {
    const auto* text = reinterpret_cast<const char*>(sqlite3_value_text(arguments[0]));
    const std::string host = host_of(text != nullptr ? text : "");
    sqlite3_result_text(context, host.data(), static_cast<int>(host.size()), SQLITE_TRANSIENT);
  };
  database.createFunction("godwit_host_of", 1, true, nullptr, +call);
}

int pragma(SQLite::Database& database, const char* name) {
  return database.execAndGet(fmt::format("PRAGMA {}", name)).getInt();
}

/// A database without tables and marks: a new one, or an empty file.
bool is_blank(SQLite::Database& database) {
  return pragma(database, "application_id") == 0 && pragma(database, "user_version") == 0 &&
         database.execAndGet("SELECT count(*) FROM sqlite_schema").getInt() == 0;
}

/// The database's version, if it is one of ours that these steps know.
Result<int> known_version(SQLite::Database& database, std::size_t newest) {
  if (is_blank(database)) return 0;
  if (pragma(database, "application_id") != kApplicationId) {
    return fail(ErrorCode::kCorrupt, "it is an SQLite database of another program",
                {"name a file of Godwit's, or a new one, with ", Setting::kStore});
  }
  const int version = pragma(database, "user_version");
  if (version < 0 || static_cast<std::size_t>(version) > newest) {
    return fail(ErrorCode::kUnsupported,
                fmt::format("a newer Godwit wrote it (schema {}; this one knows up to {})", version,
                            newest),
                {"use that Godwit, or name another file with ", Setting::kStore});
  }
  return version;
}

}  // namespace

std::string host_of(std::string_view destination) {
  return stream_host_of(destination).value_or(std::string(destination));
}

std::span<const char* const> schema_steps() {
  return kSteps;
}

Result<void> migrate_schema(SQLite::Database& database, std::span<const char* const> steps) {
  GODWIT_TRY(const int seen, known_version(database, steps.size()));
  if (static_cast<std::size_t>(seen) == steps.size()) return {};
  SQLite::Transaction transaction(database, SQLite::TransactionBehavior::IMMEDIATE);
  // again, now that nobody else can write: another process may have done it meanwhile
  GODWIT_TRY(const int version, known_version(database, steps.size()));
  add_functions(database);
  for (const char* step : steps.subspan(static_cast<std::size_t>(version))) database.exec(step);
  database.exec(fmt::format("PRAGMA application_id = {}", kApplicationId));
  database.exec(fmt::format("PRAGMA user_version = {}", steps.size()));
  transaction.commit();
  return {};
}

}  // namespace godwit::store
