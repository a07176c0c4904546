#include "schema.h"

#include <gtest/gtest.h>

#include <array>

namespace godwit::store {
namespace {

/// A house's history made up: version 2 adds a computed column, version 3 fills a table from rows.
constexpr std::array kSteps{
    "CREATE TABLE things (id INTEGER PRIMARY KEY, record TEXT)",
    "ALTER TABLE things ADD COLUMN name TEXT AS (record ->> '$.name')",
    "CREATE TABLE names AS SELECT name FROM things",
};

class Schema : public ::testing::Test {
 protected:
  Result<void> migrate_to(std::size_t version) {
    return migrate_schema(database_, std::span(kSteps).first(version));
  }
  int version() { return database_.execAndGet("PRAGMA user_version").getInt(); }
  std::string text_of(const char* query) { return database_.execAndGet(query).getString(); }

  SQLite::Database database_{":memory:", SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE};
};

TEST_F(Schema, TakesAnOlderDatabaseThroughEveryStepWithItsRows) {
  ASSERT_TRUE(migrate_to(1));
  database_.exec("INSERT INTO things (record) VALUES ('{\"name\": \"kept\"}')");
  ASSERT_TRUE(migrate_to(3));
  EXPECT_EQ(version(), 3);
  EXPECT_EQ(text_of("SELECT name FROM things"), "kept");
  EXPECT_EQ(text_of("SELECT name FROM names"), "kept");
}

TEST_F(Schema, LeavesACurrentDatabaseAlone) {
  ASSERT_TRUE(migrate_to(2));
  const int changes = database_.getTotalChanges();
  ASSERT_TRUE(migrate_to(2));
  EXPECT_EQ(database_.getTotalChanges(), changes);
}

TEST_F(Schema, RefusesANewerDatabase) {
  ASSERT_TRUE(migrate_to(3));
  const auto older = migrate_to(2);
  ASSERT_FALSE(older);
  EXPECT_EQ(older.error().code, ErrorCode::kUnsupported);
  EXPECT_EQ(version(), 3);
}

TEST_F(Schema, UndoesAllStepsWhenOneFails) {
  ASSERT_TRUE(migrate_to(1));
  const std::array broken{kSteps[0], kSteps[1], "INSERT INTO nowhere VALUES (1)"};
  EXPECT_THROW((void)migrate_schema(database_, broken), SQLite::Exception);
  EXPECT_EQ(version(), 1);
  EXPECT_EQ(text_of("SELECT group_concat(name) FROM pragma_table_xinfo('things')"), "id,record");
}

TEST_F(Schema, TheRealStepsLeadFromNothingToTheNewest) {
  ASSERT_TRUE(migrate_schema(database_, schema_steps()));
  EXPECT_EQ(version(), static_cast<int>(schema_steps().size()));
  database_.exec("INSERT INTO outcomes (record) VALUES ('{}')");
  EXPECT_THROW(database_.exec("INSERT INTO outcomes (record) VALUES ('torn')"), SQLite::Exception);
}

}  // namespace
}  // namespace godwit::store
