#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <span>
#include <string>
#include <string_view>

#include "godwit/base/error.h"

/// Private to store: the database's schema and how an older one becomes the newest.

namespace godwit::store {

/// Marks a file as Godwit's (`file outcomes.db` shows it): "GdWt".
inline constexpr int kApplicationId = 0x47645774;

/// What the column destination_host holds: where a destination's stream leads; where it has none,
/// as a lab's host, the address itself.
[[nodiscard]] std::string host_of(std::string_view destination);

/// Step i turns a database of version i (PRAGMA user_version) into one of version i+1. Steps that
/// were released are never changed: a new version is a new step.
[[nodiscard]] std::span<const char* const> schema_steps();

/// Brings the database to version steps.size(), in one transaction. kCorrupt when it belongs to
/// another program, kUnsupported when it is newer than the steps; it is left untouched then, and by
/// any exception (SQLite::Exception).
Result<void> migrate_schema(SQLite::Database& database, std::span<const char* const> steps);

}  // namespace godwit::store
