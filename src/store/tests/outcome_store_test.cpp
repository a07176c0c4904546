#include "godwit/store/outcome_store.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>

#include "godwit/base/log.h"
#include "godwit/codec/codec.h"
#include "processes.h"
#include "sanitized.h"
#include "scratch.h"
#include "testing/generators.h"

namespace godwit::store {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kAll = std::numeric_limits<std::int64_t>::max();

OutcomeRecord record_from(const std::string& source) {
  OutcomeRecord record;
  record.source = source;
  record.destination = "lab:b";
  record.link = Link{50_MB_per_s, Seconds(0.001)};
  record.outcome.status = OutcomeStatus::kCompleted;
  record.outcome.vm_runs_on = VmRunsOn::kDestination;
  record.outcome.requested.technique = "auto";
  record.outcome.total_time = Seconds(4.25);
  record.outcome.downtime.qemu = Seconds(0.143);
  record.outcome.transferred.wire = 300_MiB;
  record.outcome.started_wall_us = 1'795'250'000'000'000;
  return record;
}

std::unique_ptr<SqliteOutcomeStore> opened(const fs::path& path) {
  auto store = SqliteOutcomeStore::open(path);
  if (!store) throw std::runtime_error(store.error().message);
  return std::move(*store);
}

HistoryQuery newest(std::int64_t limit) {
  HistoryQuery query;
  query.limit = limit;
  return query;
}

std::vector<std::string> sources(SqliteOutcomeStore& store, const HistoryQuery& query) {
  std::vector<std::string> names;
  const auto records = store.find(query).value();
  for (const OutcomeRecord& record : records) names.push_back(record.source);
  return names;
}
std::vector<std::string> sources(SqliteOutcomeStore& store, std::int64_t limit = kAll) {
  return sources(store, newest(limit));
}

Error error_of_open(const fs::path& path) {
  const auto store = SqliteOutcomeStore::open(path);
  EXPECT_FALSE(store);
  if (store) return {};
  EXPECT_NE(store.error().message.find(path.filename().native()), std::string::npos)
      << store.error().message;
  EXPECT_FALSE(store.error().what_to_do.empty());
  EXPECT_EQ(store.error().message.find('\n'), std::string::npos);
  return store.error();
}

class OutcomeStoreTest : public Scratch {
 protected:
  fs::path file_ = folder_ / "outcomes.db";
};

RC_GTEST_FIXTURE_PROP(OutcomeStoreTest, KeepsEveryRecordWhole, (OutcomeRecord record)) {
  const auto id = opened(file_)->append(record);
  RC_ASSERT(id.has_value());
  record.id = *id;
  const auto kept = opened(file_)->find(newest(1));
  RC_ASSERT(kept.has_value());
  RC_ASSERT(*kept == std::vector<OutcomeRecord>{record});
}

TEST_F(OutcomeStoreTest, GivesTheNewestFirst) {
  const auto store = opened(file_);
  EXPECT_EQ(sources(*store), std::vector<std::string>{});
  for (const char* name : {"first", "second", "third"}) {
    ASSERT_TRUE(store->append(record_from(name)));
  }
  EXPECT_EQ(sources(*store), (std::vector<std::string>{"third", "second", "first"}));
  EXPECT_EQ(sources(*store, 2), (std::vector<std::string>{"third", "second"}));
  EXPECT_EQ(sources(*store, 0), std::vector<std::string>{});
  EXPECT_EQ(sources(*store, -1), std::vector<std::string>{});
}

TEST_F(OutcomeStoreTest, WhatWasKeptAfterARecordIsReadPageByPage) {
  const auto store = opened(file_);
  for (const char* name : {"first", "second", "third", "fourth"}) {
    ASSERT_TRUE(store->append(record_from(name)));
  }
  const auto page = [&](std::int64_t after, std::int64_t limit) {
    std::vector<std::string> names;
    const auto kept = store->kept_after(after, limit);
    EXPECT_TRUE(kept);
    for (const OutcomeRecord& one : *kept) names.push_back(one.source);
    return names;
  };
  const std::int64_t first = store->kept_after(0, 1)->front().id;
  EXPECT_EQ(page(0, 2), (std::vector<std::string>{"first", "second"}));
  EXPECT_EQ(page(first, 2), (std::vector<std::string>{"second", "third"}));
  EXPECT_EQ(page(first + 3, 2), std::vector<std::string>{});
}

// --- history by query ---

OutcomeRecord to(const std::string& destination, const std::string& source,
                 std::int64_t started_wall_us = 1'795'250'000'000'000) {
  OutcomeRecord record = record_from(source);
  record.destination = destination;
  record.outcome.started_wall_us = started_wall_us;
  return record;
}

TEST_F(OutcomeStoreTest, FindsByTheHostThatADestinationsStreamLeadsTo) {
  const auto store = opened(file_);
  ASSERT_TRUE(store->append(to("qmp:/b@tcp:10.0.0.2:4444", "by address")));
  ASSERT_TRUE(store->append(to("qmp:/c@tcp:0.0.0.0:4444,connect=10.0.0.2:4445", "by connect")));
  ASSERT_TRUE(store->append(to("qmp:/b@tcp:10.0.0.3:4444", "another host")));
  ASSERT_TRUE(store->append(to("qmp:/b@unix:/run/stream", "a socket")));
  ASSERT_TRUE(store->append(to("lab:b", "a lab")));
  HistoryQuery query;
  query.destination = "qmp:/other@tcp:10.0.0.2:9";
  EXPECT_EQ(sources(*store, query), (std::vector<std::string>{"by connect", "by address"}));
  query.destination = "qmp:/other@unix:/run/stream";
  EXPECT_EQ(sources(*store, query), std::vector<std::string>{"a socket"});
  query.destination = "lab:b";
  EXPECT_EQ(sources(*store, query), std::vector<std::string>{"a lab"});
  query.destination = "lab:c";
  EXPECT_EQ(sources(*store, query), std::vector<std::string>{});
}

TEST_F(OutcomeStoreTest, APairsHistoryIsFoundBehindAnyNumberOfOthers) {
  const auto store = opened(file_);
  ASSERT_TRUE(store->append(to("qmp:/b@tcp:10.0.0.2:4444", "ours")));
  for (int i = 0; i < 150; ++i) ASSERT_TRUE(store->append(to("lab:b", "another's")));
  HistoryQuery query;
  query.destination = "qmp:/b@tcp:10.0.0.2:4444";
  query.limit = 100;
  EXPECT_EQ(sources(*store, query), std::vector<std::string>{"ours"});
}

TEST_F(OutcomeStoreTest, FindsByVmAndStartAndAllTogether) {
  const auto store = opened(file_);
  constexpr std::int64_t kDay = 86'400'000'000;
  ASSERT_TRUE(store->append(to("lab:b", "lab:a", 1 * kDay)));
  ASSERT_TRUE(store->append(to("lab:c", "lab:a", 2 * kDay)));
  ASSERT_TRUE(store->append(to("lab:b", "lab:other", 3 * kDay)));
  HistoryQuery query;
  query.source = "lab:a";
  EXPECT_EQ(store->find(query)->size(), 2U);
  query.since_wall_us = 2 * kDay;
  EXPECT_EQ(store->find(query)->size(), 1U);
  query.destination = "lab:b";
  EXPECT_EQ(store->find(query)->size(), 0U);
  query.source.reset();
  EXPECT_EQ(sources(*store, query), std::vector<std::string>{"lab:other"});
  query.since_wall_us = 3 * kDay + 1;
  EXPECT_EQ(store->find(query)->size(), 0U);
}

TEST_F(OutcomeStoreTest, EachQuestionGoesByAnIndex) {
  ASSERT_TRUE(opened(file_)->append(record_from("lab:a")));
  SQLite::Database database(file_.native());
  for (const char* question : {"source = 'a'", "destination_host = 'h'"}) {
    SQLite::Statement plan(
        database, fmt::format("EXPLAIN QUERY PLAN SELECT id FROM outcomes WHERE {}", question));
    std::string text;
    while (plan.executeStep()) text += plan.getColumn(3).getString() + "\n";
    EXPECT_EQ(text.find("SCAN"), std::string::npos) << question << "\n" << text;
  }
}

/// As the first released schema made it, word for word.
void make_a_store_of_version_1(const fs::path& file, const std::vector<std::string>& records) {
  SQLite::Database database(file.native(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
  database.exec(R"(
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
  PRAGMA application_id = 1197758324;
  PRAGMA user_version = 1;)");
  SQLite::Statement insert(database, "INSERT INTO outcomes (record) VALUES (?)");
  for (const std::string& record : records) {
    insert.bind(1, record);
    insert.exec();
    insert.reset();
  }
}

TEST_F(OutcomeStoreTest, AStoreOfTheFirstSchemaIsTakenAlongAndFoundByHost) {
  std::vector<std::string> records;
  for (const char* destination : {"qmp:/b@tcp:10.0.0.2:4444", "lab:b", "no address"}) {
    Json json = to_json(to(destination, destination));
    json.erase("id");
    records.push_back(json.dump());
  }
  make_a_store_of_version_1(file_, records);
  const auto store = opened(file_);
  EXPECT_EQ(sources(*store),
            (std::vector<std::string>{"no address", "lab:b", "qmp:/b@tcp:10.0.0.2:4444"}));
  HistoryQuery query;
  query.destination = "qmp:/other@tcp:10.0.0.2:5555";
  EXPECT_EQ(sources(*store, query), std::vector<std::string>{"qmp:/b@tcp:10.0.0.2:4444"});
  ASSERT_TRUE(store->append(record_from("new")));
  EXPECT_EQ(store->find(newest(1))->front().id, 4);
}

TEST_F(OutcomeStoreTest, ACopyHasEveryRowAndTakesNobodysPlace) {
  const auto store = opened(file_);
  ASSERT_TRUE(store->append(record_from("lab:a")));
  const fs::path copy = folder_ / "system" / "outcomes.db";
  ASSERT_TRUE(store->copy_to(copy));
  ASSERT_TRUE(opened(copy)->append(record_from("later")));
  const auto again = store->copy_to(copy);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, ErrorCode::kBadInput);
  EXPECT_EQ(sources(*opened(copy)), (std::vector<std::string>{"later", "lab:a"}));
  EXPECT_EQ(std::distance(fs::directory_iterator(copy.parent_path()), fs::directory_iterator()), 1);
}

// --- rows ---

TEST_F(OutcomeStoreTest, NeverGivesAnIdTwice) {
  const auto first = opened(file_)->append(record_from("lab:a")).value();
  SQLite::Database(file_.native(), SQLite::OPEN_READWRITE).exec("DELETE FROM outcomes");
  EXPECT_GT(opened(file_)->append(record_from("lab:a")).value(), first);
}

TEST_F(OutcomeStoreTest, OffersColumnsToQuery) {
  ASSERT_TRUE(opened(file_)->append(record_from("lab:a")));
  SQLite::Database database(file_.native());
  SQLite::Statement row(database, R"(
      SELECT started_at, source, destination, technique, status, vm_runs_on, total_time_s,
             downtime_qemu_ms, downtime_events_ms, downtime_probe_ms, transferred_qemu_bytes,
             transferred_wire_bytes, link_bytes_per_s FROM outcomes)");
  ASSERT_TRUE(row.executeStep());
  std::vector<std::string> values;
  for (int i = 0; i < row.getColumnCount(); ++i) {
    values.push_back(row.getColumn(i).isNull() ? "null" : row.getColumn(i).getString());
  }
  EXPECT_EQ(values,
            (std::vector<std::string>{"2026-11-21T08:33:20.000000Z", "lab:a", "lab:b", "precopy",
                                      "completed", "destination", "4.25", "143.0", "null", "null",
                                      "null", "314572800", "50000000.0"}));
}

TEST_F(OutcomeStoreTest, MakesItsFoldersForTheUserAlone) {
  opened(folder_ / "a" / "b" / "outcomes.db");
  for (const char* made : {"a", "a/b"}) {
    struct stat status {};
    ASSERT_EQ(::stat((folder_ / made).c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0700U) << made;
  }
}

TEST_F(OutcomeStoreTest, IsForTheUserAloneWhateverTheFolderIs) {
  opened(file_);
  struct stat status {};
  ASSERT_EQ(::stat(file_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

TEST_F(OutcomeStoreTest, TakesNamesThatMeanSomethingToSqliteLiterally) {
  const fs::path before = fs::current_path();
  fs::current_path(folder_);
  for (const char* name : {":memory:", "file:x?mode=memory"}) {
    ASSERT_TRUE(opened(name)->append(record_from("lab:a")));
    EXPECT_TRUE(fs::is_regular_file(folder_ / name)) << name;
  }
  fs::current_path(before);
}

TEST_F(OutcomeStoreTest, RefusesARecordThatCouldNotBeReadBack) {
  const auto store = opened(file_);
  OutcomeRecord record = record_from("lab:a");
  record.link->rate = BytesPerSecond(std::numeric_limits<double>::quiet_NaN());
  const auto id = store->append(record);
  ASSERT_FALSE(id);
  EXPECT_EQ(id.error().code, ErrorCode::kBadInput);
  EXPECT_NE(id.error().message.find("rate_bytes_per_s"), std::string::npos) << id.error().message;
  EXPECT_EQ(sources(*store), std::vector<std::string>{});
}

TEST_F(OutcomeStoreTest, KeepsARecordWithTextThatIsNoUtf8) {
  const auto store = opened(file_);
  ASSERT_TRUE(store->append(record_from("qmp:/run/\xff.qmp")));
  EXPECT_EQ(sources(*store), (std::vector<std::string>{"qmp:/run/\uFFFD.qmp"}));
}

TEST_F(OutcomeStoreTest, LeavesOutARowThatNoLongerDecodesAndSaysSo) {
  const auto store = opened(file_);
  ASSERT_TRUE(store->append(record_from("old")));
  ASSERT_TRUE(store->append(record_from("odd")));
  ASSERT_TRUE(store->append(record_from("new")));
  SQLite::Database(file_.native(), SQLite::OPEN_READWRITE)
      .exec(
          "UPDATE outcomes SET record = json_set(record, '$.outcome.technique', 'teleport') "
          "WHERE source = 'odd'");
  std::string said;
  log::set_sink([&](log::Level level, std::string_view message) {
    if (level == log::Level::kWarning) said += message;
  });
  EXPECT_EQ(sources(*store, 2), (std::vector<std::string>{"new", "old"}));
  log::set_sink({});
  EXPECT_NE(said.find("row 2"), std::string::npos) << said;
  EXPECT_NE(said.find("teleport"), std::string::npos) << said;
}

// --- files that are not ours to write ---

class Untouchable : public OutcomeStoreTest {
 protected:
  Error refused() {
    const std::string before = contents(file_);
    const Error error = error_of_open(file_);
    EXPECT_TRUE(contents(file_) == before);
    EXPECT_EQ(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()), 1);
    return error;
  }
};

TEST_F(Untouchable, AFileThatIsNoDatabase) {
  for (const std::string& bytes :
       {std::string("x"), std::string("name,value\n"), std::string(10'000, 'x'),
        std::string("SQLite format 3\0 but not really", 32)}) {
    fill(file_, bytes);
    EXPECT_EQ(refused().code, ErrorCode::kCorrupt) << bytes.size();
  }
}

TEST_F(Untouchable, AnotherProgramsDatabase) {
  SQLite::Database(file_.native(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE)
      .exec("CREATE TABLE bookmarks (url TEXT)");
  const Error error = refused();
  EXPECT_EQ(error.code, ErrorCode::kCorrupt);
  EXPECT_NE(error.message.find("another program"), std::string::npos);
}

TEST_F(Untouchable, ANewerGodwitsStore) {
  opened(file_);
  SQLite::Database(file_.native(), SQLite::OPEN_READWRITE).exec("PRAGMA user_version = 999");
  const Error error = refused();
  EXPECT_EQ(error.code, ErrorCode::kUnsupported);
  EXPECT_NE(error.message.find("schema 999"), std::string::npos) << error.message;
}

TEST_F(OutcomeStoreTest, RefusesPathsThatAreNoFile) {
  EXPECT_EQ(error_of_open(folder_).code, ErrorCode::kBadInput);
  ASSERT_EQ(::mkfifo((folder_ / "pipe").c_str(), 0600), 0);
  EXPECT_EQ(error_of_open(folder_ / "pipe").code, ErrorCode::kBadInput);
  fill(file_, "");
  EXPECT_EQ(error_of_open(file_ / "outcomes.db").code, ErrorCode::kBadInput);
  EXPECT_EQ(error_of_open(folder_ / std::string(300, 'x')).code, ErrorCode::kBadInput);
  const auto nameless = SqliteOutcomeStore::open("");
  ASSERT_FALSE(nameless);
  EXPECT_EQ(nameless.error().code, ErrorCode::kBadInput);
}

TEST_F(OutcomeStoreTest, SaysWhenARightIsMissing) {
  opened(file_);
  const fs::path others = folder_ / "others";
  fs::create_directory(others);
  fs::permissions(folder_, fs::perms(0755));
  fs::permissions(others, fs::perms(0555));
  fs::permissions(file_, fs::perms(0444));
  // root may write anywhere, so somebody else must try
  const pid_t child = in_child([&] {
    if (::getuid() == 0 && ::setuid(65534) != 0) return kCannot;
    for (const fs::path& path : {file_, others / "outcomes.db", others / "new" / "outcomes.db"}) {
      const auto store = SqliteOutcomeStore::open(path);
      if (store || store.error().code != ErrorCode::kPermission) return 1;
      if (store.error().what_to_do.empty()) return 2;
    }
    return 0;
  });
  EXPECT_EQ(result_of(child), 0);
  fs::permissions(others, fs::perms(0755));
}

TEST_F(OutcomeStoreTest, SaysWhenTheFileIsDamaged) {
  {
    const auto store = opened(file_);
    for (int i = 0; i < 50; ++i) ASSERT_TRUE(store->append(record_from("lab:a")));
  }
  std::string bytes = contents(file_);
  std::fill(bytes.begin() + 4096, bytes.end(), '\x5a');
  fill(file_, bytes);
  const auto records = opened(file_)->find(newest(kAll));
  ASSERT_FALSE(records);
  EXPECT_EQ(records.error().code, ErrorCode::kCorrupt);
  EXPECT_FALSE(records.error().what_to_do.empty());
}

TEST_F(OutcomeStoreTest, GivesUpOnALockThatIsNeverReleased) {
  const auto store =
      SqliteOutcomeStore::open(file_, std::chrono::milliseconds(1)).value_or(nullptr);
  ASSERT_NE(store, nullptr);
  SQLite::Database holder(file_.native(), SQLite::OPEN_READWRITE);
  holder.exec("BEGIN EXCLUSIVE");
  const auto id = store->append(record_from("lab:a"));
  ASSERT_FALSE(id);
  EXPECT_EQ(id.error().code, ErrorCode::kBusy);
  holder.exec("COMMIT");
  EXPECT_TRUE(store->append(record_from("lab:a")));
}

// --- several processes, and their ends ---

TEST_F(OutcomeStoreTest, LosesNothingWhenProcessesAppendAtOnce) {
  constexpr int kProcesses = 4;
  constexpr int kEach = 15;
  std::vector<pid_t> children;
  for (int p = 0; p < kProcesses; ++p) {
    children.push_back(in_child([&] {  // the file is made by whoever comes first
      const auto store = SqliteOutcomeStore::open(file_);
      if (!store) return 1;
      for (int i = 0; i < kEach; ++i) {
        const std::string name = std::to_string(p) + "/" + std::to_string(i);
        if (!(*store)->append(record_from(name))) return 2;
      }
      return 0;
    }));
  }
  for (const pid_t child : children) EXPECT_EQ(result_of(child), 0);
  const auto kept = sources(*opened(file_));
  EXPECT_EQ(kept.size(), kProcesses * kEach);
  EXPECT_EQ(std::set<std::string>(kept.begin(), kept.end()).size(), kProcesses * kEach);
}

TEST_F(OutcomeStoreTest, SurvivesSigkillAtAnySystemCallOfAnAppend) {
  const fs::path before = folder_ / "before.db";
  ASSERT_TRUE(opened(before)->append(record_from("earlier")));
  OutcomeRecord late = record_from("late");
  late.outcome.reason = std::string(30'000, 'x');  // over several pages: there is a half of it
  Died end = Died::kKilled;
  int stop = 0;
  for (; end == Died::kKilled; stop += kEachCall) {
    fs::copy_file(before, file_, fs::copy_options::overwrite_existing);
    fs::remove(file_.native() + "-journal");
    end = kill_at_stop(stop, [&] {
      const auto store = SqliteOutcomeStore::open(file_);
      return store && (*store)->append(late) ? 0 : 1;
    });
    if (end == Died::kNotTraced) GTEST_SKIP() << "ptrace is not allowed here";
    const auto store = opened(file_);
    const auto kept = sources(*store);
    if (end == Died::kFinished || kept.size() == 2) {
      ASSERT_EQ(kept, (std::vector<std::string>{"late", "earlier"})) << "stop " << stop;
    } else {
      ASSERT_EQ(kept, (std::vector<std::string>{"earlier"})) << "stop " << stop;
    }
    SQLite::Database database(file_.native());
    ASSERT_EQ(database.execAndGet("PRAGMA integrity_check").getString(), "ok") << "stop " << stop;
    ASSERT_TRUE(store->append(record_from("after"))) << "stop " << stop;
  }
  EXPECT_GT(stop, 50);  // an append is not that short: something was killed
}

TEST_F(OutcomeStoreTest, LosesNothingWhenTheDiskIsFull) {
  const pid_t child = in_child([&] {
    if (!mount_small_disk(folder_, "256k")) return kCannot;
    fill(folder_ / "filler", std::string(65536, 'x'));
    const auto store = opened(file_);
    std::size_t kept = 0;
    auto id = store->append(record_from("lab:a"));
    for (; id && kept < 10'000; id = store->append(record_from("lab:a"))) ++kept;
    if (id || id.error().code != ErrorCode::kEnvironment) return 1;
    if (id.error().what_to_do.text().find("room") == std::string::npos) return 2;
    if (kept == 0 || sources(*store).size() != kept) return 3;
    fs::remove(folder_ / "filler");
    if (!store->append(record_from("lab:a")) || sources(*store).size() != kept + 1) return 4;
    return 0;
  });
  const int result = result_of(child);
  if (result == kCannot) GTEST_SKIP() << "mounting a small disk is not allowed here";
  EXPECT_EQ(result, 0);
}

}  // namespace
}  // namespace godwit::store
