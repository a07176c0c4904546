#include "godwit/store/journal.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "godwit/base/process.h"
#include "godwit/base/unique_fd.h"
#include "processes.h"
#include "sanitized.h"
#include "scratch.h"
#include "testing/generators.h"

namespace godwit::store {
namespace {

namespace fs = std::filesystem;

// Of the test itself: children that it forks write in its name.
const std::int64_t kWriter = ::getpid();
const std::int64_t kWriterStarted = process_start(kWriter);

JournalEntry entry(const std::string& source, const std::string& step) {
  JournalEntry entry;
  entry.source = source;
  entry.destination = "lab:b";
  entry.source_pid = 11;
  entry.destination_pid = 12;
  entry.step = step;
  entry.wall_us = 1'795'250'000'000'000;
  entry.writer_pid = kWriter;
  entry.writer_started = kWriterStarted;
  entry.writer_world = process_world();
  entry.id = source;
  return entry;
}

class JournalTest : public Scratch {
 protected:
  Result<void> record(const std::string& source, const std::string& step) {
    return FileJournal(file_).record(entry(source, step));
  }
  std::vector<JournalEntry> read() {
    auto entries = read_journal(file_);
    EXPECT_TRUE(entries) << entries.error().message;
    return entries.value_or(std::vector<JournalEntry>());
  }
  fs::path file_ = folder_ / "state" / "journal.jsonl";
};

RC_GTEST_FIXTURE_PROP(JournalTest, GivesBackWhatWasRecorded, ()) {
  const auto entries = *rc::gen::resize(8, rc::gen::arbitrary<std::vector<JournalEntry>>());
  for (const JournalEntry& one : entries) RC_ASSERT(FileJournal(file_).record(one).has_value());
  RC_ASSERT(read_journal(file_).value() == entries);
}

TEST_F(JournalTest, IsEmptyWhereThereIsNoFile) {
  EXPECT_EQ(read(), std::vector<JournalEntry>{});
}

TEST_F(JournalTest, IsForTheUserAlone) {
  ASSERT_TRUE(record("lab:a", "migrating"));
  struct stat status {};
  ASSERT_EQ(::stat(file_.parent_path().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0700U);
  ASSERT_EQ(::stat(file_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

TEST_F(JournalTest, LeavesATornLastLineOutAndMendsIt) {
  ASSERT_TRUE(record("lab:a", "preparing"));
  const std::string whole = contents(file_);
  for (const std::size_t torn : {std::size_t{1}, whole.size() / 2, whole.size() - 1}) {
    fill(file_, whole + whole.substr(0, torn));
    EXPECT_EQ(read(), std::vector<JournalEntry>{entry("lab:a", "preparing")}) << torn;
    ASSERT_TRUE(record("lab:a", "migrating"));
    EXPECT_EQ(read(),
              (std::vector<JournalEntry>{entry("lab:a", "preparing"), entry("lab:a", "migrating")}))
        << torn;
  }
}

TEST_F(JournalTest, NamesALineThatIsNoEntryAndThrowsNothingAway) {
  ASSERT_TRUE(record("lab:a", "preparing"));
  for (const char* odd : {"", "{}", "[]", "torn", "{\"at\": 5}"}) {
    const std::string text = contents(file_).substr(0, contents(file_).find('\n') + 1);
    fill(file_, text + odd + "\n");
    const auto entries = read_journal(file_);
    ASSERT_FALSE(entries) << odd;
    EXPECT_EQ(entries.error().code, ErrorCode::kCorrupt);
    EXPECT_NE(entries.error().message.find("line 2"), std::string::npos);
    EXPECT_FALSE(entries.error().what_to_do.empty());
    EXPECT_FALSE(record("lab:a", "done"));
    EXPECT_TRUE(contents(file_).starts_with(text + odd + "\n")) << odd;
  }
}

TEST_F(JournalTest, ForgetsAMigrationThatIsDone) {
  ASSERT_TRUE(record("lab:a", "preparing"));
  ASSERT_TRUE(record("lab:other", "migrating"));
  ASSERT_TRUE(record("lab:a", "migrating"));
  ASSERT_TRUE(record("lab:a", "done"));
  EXPECT_EQ(read(), std::vector<JournalEntry>{entry("lab:other", "migrating")});
  ASSERT_TRUE(record("lab:a", "preparing"));  // the same pair once more
  EXPECT_EQ(read(), (std::vector<JournalEntry>{entry("lab:other", "migrating"),
                                               entry("lab:a", "preparing")}));
  ASSERT_TRUE(record("lab:other", "done"));
  ASSERT_TRUE(record("lab:a", "done"));
  EXPECT_EQ(contents(file_), "");
}

JournalEntry without_id(const std::string& step) {
  JournalEntry one = entry("qmp:/run/a.qmp", step);
  one.id.clear();
  return one;
}

TEST_F(JournalTest, TwoMigrationsOfTheSameNamesAtOnceLeaveEachOtherAlone) {
  FileJournal mine(file_);
  FileJournal others(file_);
  ASSERT_TRUE(mine.record(without_id("preparing")));
  ASSERT_TRUE(others.record(without_id("preparing")));
  ASSERT_TRUE(mine.record(without_id("migrating")));
  const auto all = read();
  ASSERT_EQ(all.size(), 3U);
  EXPECT_FALSE(all[0].id.empty());
  EXPECT_EQ(all[0].id, all[2].id) << "of one migration";
  EXPECT_NE(all[0].id, all[1].id);
  ASSERT_TRUE(mine.record(without_id("done")));
  EXPECT_EQ(read(), std::vector<JournalEntry>{all[1]});
}

TEST_F(JournalTest, EntriesOfAnOlderVersionAreReadAndEndedByTheirNames) {
  const std::string old =
      R"({"at":"2026-11-21T08:33:20.000000Z","destination":"lab:b","destination_pid":12,)"
      R"("source":"qmp:/run/a.qmp","source_pid":11,"step":"migrating"})";
  fs::create_directories(file_.parent_path());
  fill(file_, old + "\n");
  ASSERT_EQ(read().size(), 1U);
  EXPECT_EQ(read()[0].id, "");
  FileJournal of_recovery(file_);
  ASSERT_TRUE(of_recovery.record(without_id("done")));
  EXPECT_EQ(read(), std::vector<JournalEntry>{});
}

TEST_F(JournalTest, LosesNothingWhenProcessesWriteAndCompactAtOnce) {
  constexpr std::size_t kProcesses = 4;
  std::vector<pid_t> children;
  for (std::size_t p = 0; p < kProcesses; ++p) {
    children.push_back(in_child([&] {
      const std::string name = "lab:" + std::to_string(p);
      for (int i = 0; i < 15; ++i) {
        for (const char* step : {"preparing", "migrating", "done"}) {
          if (!record(name, step)) return 1;
        }
      }
      return record(name, "postcopy") ? 0 : 1;
    }));
  }
  for (const pid_t child : children) EXPECT_EQ(result_of(child), 0);
  auto left = read();
  std::sort(left.begin(), left.end(),
            [](const auto& a, const auto& b) { return a.source < b.source; });
  ASSERT_EQ(left.size(), kProcesses);
  for (std::size_t p = 0; p < kProcesses; ++p) {
    EXPECT_EQ(left[p], entry("lab:" + std::to_string(p), "postcopy"));
  }
}

TEST_F(JournalTest, SurvivesSigkillAtAnySystemCall) {
  const JournalEntry other = entry("lab:other", "migrating");
  const JournalEntry mine = entry("lab:a", "migrating");
  Died end = Died::kKilled;
  for (int stop = 0; end == Died::kKilled; stop += kEachCall) {
    fs::remove_all(file_.parent_path());
    ASSERT_TRUE(FileJournal(file_).record(other));
    end = kill_at_stop(
        stop, [&] { return record("lab:a", "migrating") && record("lab:a", "done") ? 0 : 1; });
    if (end == Died::kNotTraced) GTEST_SKIP() << "ptrace is not allowed here";
    const auto left = read();
    if (end == Died::kKilled && left.size() == 2) {
      ASSERT_EQ(left, (std::vector<JournalEntry>{other, mine})) << "stop " << stop;
    } else {
      ASSERT_EQ(left, std::vector<JournalEntry>{other}) << "stop " << stop;
    }
    ASSERT_TRUE(record("lab:a", "done")) << "stop " << stop;
    ASSERT_EQ(read(), std::vector<JournalEntry>{other}) << "stop " << stop;
  }
}

TEST_F(JournalTest, KeepsWhatItHasWhenTheDiskIsFull) {
  const pid_t child = in_child([&] {
    if (!mount_small_disk(folder_, "64k")) return kCannot;
    std::size_t kept = 0;
    auto written = record("lab:a", "migrating");
    for (; written && kept < 10'000; written = record("lab:a", "migrating")) ++kept;
    if (written || written.error().code != ErrorCode::kEnvironment) return 1;
    const auto entries = read_journal(file_);
    return kept > 0 && entries && entries->size() == kept ? 0 : 2;
  });
  const int result = result_of(child);
  if (result == kCannot) GTEST_SKIP() << "mounting a small disk is not allowed here";
  EXPECT_EQ(result, 0);
}

TEST_F(JournalTest, CheckWritesToTheDiskAndLeavesNothing) {
  ASSERT_TRUE(FileJournal(file_).check());
  EXPECT_EQ(contents(file_), "");
  ASSERT_TRUE(record("lab:a", "migrating"));
  const std::string before = contents(file_);
  ASSERT_TRUE(FileJournal(file_).check());
  EXPECT_EQ(contents(file_), before);
}

TEST_F(JournalTest, CheckSaysThatTheDiskIsFullAndWhereElseToKeepIt) {
  const pid_t child = in_child([&] {
    if (!mount_small_disk(folder_, "8k")) return kCannot;
    const auto checked = FileJournal(file_).check();
    if (checked || checked.error().code != ErrorCode::kEnvironment) return 1;
    if (checked.error().what_to_do.text().find("XDG_STATE_HOME") == std::string::npos) return 2;
    return contents(file_).empty() ? 0 : 3;
  });
  const int result = result_of(child);
  if (result == kCannot) GTEST_SKIP() << "mounting a small disk is not allowed here";
  EXPECT_EQ(result, 0);
}

TEST_F(JournalTest, ALockThatNobodyGivesBackIsNotWaitedForForEverAndItsHolderIsNamed) {
  ASSERT_TRUE(record("lab:a", "migrating"));
  const UniqueFd held(::open(file_.c_str(), O_RDWR | O_CLOEXEC));
  ASSERT_EQ(::flock(held.get(), LOCK_EX), 0);
  const std::string holder = "process " + std::to_string(::getpid());
  FileJournal impatient(file_, Seconds(0.01));
  for (const auto& late : {impatient.record(entry("lab:b", "migrating")), impatient.check()}) {
    ASSERT_FALSE(late);
    EXPECT_EQ(late.error().code, ErrorCode::kBusy);
    EXPECT_NE(late.error().message.find(holder), std::string::npos) << late.error().message;
    EXPECT_NE(late.error().message.find(file_.native()), std::string::npos);
  }
  ASSERT_EQ(::flock(held.get(), LOCK_UN), 0);
  EXPECT_EQ(read(), std::vector<JournalEntry>{entry("lab:a", "migrating")});
  EXPECT_TRUE(impatient.check());
}

TEST_F(JournalTest, SaysWhenARightIsMissing) {
  fs::permissions(folder_, fs::perms(0555));
  const pid_t child = in_child([&] {
    if (::getuid() == 0 && ::setuid(65534) != 0) return kCannot;
    const auto written = record("lab:a", "migrating");
    return !written && written.error().code == ErrorCode::kPermission ? 0 : 1;
  });
  EXPECT_EQ(result_of(child), 0);
  fs::permissions(folder_, fs::perms(0755));
}

}  // namespace
}  // namespace godwit::store
