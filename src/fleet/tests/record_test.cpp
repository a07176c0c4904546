#include "godwit/fleet/record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace godwit::fleet {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using Kind = Entry::Kind;

Entry entry(Kind kind, const std::string& vm, const std::string& from = "",
            const std::string& to = "", const std::string& run = "1") {
  Entry one;
  one.kind = kind;
  one.run = run;
  one.vm = vm;
  one.from = from;
  one.to = to;
  return one;
}

Entry began(const std::string& goal, const std::string& host, const std::string& run = "1") {
  Entry one;
  one.kind = Kind::kBegan;
  one.run = run;
  one.goal = goal;
  one.host = host;
  return one;
}

Entry ended(const std::string& run = "1") {
  Entry one;
  one.kind = Kind::kEnded;
  one.run = run;
  return one;
}

TEST(Record, AnEntryOfAnotherGodwitIsSaid) {
  EXPECT_EQ(entry_from(R"({"what":"teleported","wall_us":1})").error().code, ErrorCode::kCorrupt);
  EXPECT_EQ(entry_from("[]").error().code, ErrorCode::kCorrupt);
}

TEST(Record, ARunThatWasNotEndedIsOpenWithWhatItHadMoved) {
  const std::vector<Entry> entries{began("evacuate", "a"),
                                   entry(Kind::kMoved, "web", "a", "b"),
                                   ended(),
                                   began("evacuate", "b", "2"),
                                   entry(Kind::kMoved, "db", "b", "c", "2"),
                                   began("evacuate", "b", "2"),
                                   entry(Kind::kMoved, "mail", "b", "c", "2")};
  const auto run = open_run(entries);
  ASSERT_TRUE(run);
  EXPECT_EQ(run->host, "b");
  EXPECT_EQ(run->goal, "evacuate");
  ASSERT_EQ(run->moved.size(), 2u) << "of all who carried it out";
  EXPECT_FALSE(open_run({began("evacuate", "a"), ended()}));
}

TEST(Record, WhatIsUnderWayIsWhatHasNoEnd) {
  Entry started = entry(Kind::kStarted, "db", "a", "b");
  started.monitor = "/run/db";
  const std::vector<Entry> entries{
      entry(Kind::kPreparing, "web", "a", "b"), entry(Kind::kMoved, "web", "a", "b"),
      entry(Kind::kPreparing, "db", "a", "b"),  started,
      entry(Kind::kMoving, "db", "a", "b"),     entry(Kind::kPreparing, "mail", "a", "c"),
      entry(Kind::kNotMoved, "mail", "a", "c")};
  const auto open = under_way(entries);
  ASSERT_EQ(open.size(), 1u);
  EXPECT_EQ(open.at("db").to, "b");
  EXPECT_EQ(open.at("db").monitor, "/run/db");
}

TEST(Record, AVmIsAwayUntilItIsBroughtBack) {
  std::vector<Entry> entries{began("evacuate", "a"), entry(Kind::kMoved, "web", "a", "b"),
                             entry(Kind::kMoved, "db", "a", "c"), ended()};
  EXPECT_THAT(evacuated(entries), ElementsAre(Pair("db", "a"), Pair("web", "a")));
  // from its shelter it is evacuated once more: its home is the first host
  entries.push_back(began("evacuate", "b", "2"));
  entries.push_back(entry(Kind::kMoved, "web", "b", "c", "2"));
  EXPECT_THAT(evacuated(entries), ElementsAre(Pair("db", "a"), Pair("web", "a")));
  entries.push_back(began("restore", "a", "3"));
  entries.push_back(entry(Kind::kMoved, "web", "c", "a", "3"));
  entries.push_back(entry(Kind::kGone, "db"));
  EXPECT_THAT(evacuated(entries), IsEmpty());
}

TEST(Record, ACordonHoldsUntilItIsLifted) {
  Entry on, off;
  on.kind = Kind::kCordoned;
  off.kind = Kind::kUncordoned;
  on.host = off.host = "b";
  EXPECT_THAT(cordoned({on}), ElementsAre("b"));
  EXPECT_THAT(cordoned({on, off}), IsEmpty());
}

TEST(Record, CostsAreThoseOfTheFleetsOwnMoves) {
  std::vector<Entry> entries;
  EXPECT_EQ(costs_of(entries).overhead, Costs().overhead);
  for (const double seconds : {1.0, 2.0, 30.0}) {
    Entry moved = entry(Kind::kMoved, "web");
    moved.prepared = Seconds(seconds);
    moved.around = Seconds(seconds / 10);
    entries.push_back(moved);
  }
  EXPECT_EQ(costs_of(entries).overhead, Seconds(2));
  EXPECT_EQ(costs_of(entries).around, Seconds(0.2));
}

RC_GTEST_PROP(RecordProperty, AnyEntryIsReadAsItWasWritten, ()) {
  Entry one;
  one.kind = *rc::gen::element(Kind::kPreparing, Kind::kMoved, Kind::kBlocked, Kind::kCordoned);
  one.wall_us = *rc::gen::inRange<std::int64_t>(0, 1'000'000'000);
  one.vm = *rc::gen::string<std::string>();
  for (char& c : one.vm)
    c = static_cast<char>(c & 0x7f);  // other bytes are replaced, as in all JSON
  one.to = "b";
  const auto read = entry_from(to_line(one));
  RC_ASSERT(read.has_value());
  RC_ASSERT(*read == one);
}

}  // namespace
}  // namespace godwit::fleet
