#include "godwit/engine/places.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include "godwit/engine/history.h"
#include "godwit/store/outcome_store.h"
#include "scratch.h"

namespace godwit::engine {
namespace {

namespace fs = std::filesystem;

Environment environment(std::map<std::string, std::string> variables) {
  return [variables = std::move(variables)](const char* name) {
    const auto found = variables.find(name);
    return found == variables.end() ? nullptr : found->second.c_str();
  };
}

TEST(Places, FollowTheXdgVariables) {
  for (const bool root : {false, true}) {
    const Places places(
        environment({{"HOME", "/h"}, {"XDG_DATA_HOME", "/d"}, {"XDG_STATE_HOME", "/s"}}), root);
    EXPECT_EQ(places.outcomes().value(), "/d/godwit/outcomes.db");
    EXPECT_EQ(places.model().value(), "/d/godwit/model.json");
    EXPECT_EQ(places.journal().value(), "/s/godwit/journal.jsonl");
    EXPECT_EQ(places.bench().value(), "/d/godwit/bench");
  }
}

TEST(Places, OfAnOrdinaryUserFallBackToHome) {
  for (const char* no_path : {"", "relative"}) {
    const Places places(
        environment({{"HOME", "/h"}, {"XDG_DATA_HOME", no_path}, {"XDG_STATE_HOME", no_path}}),
        false);
    EXPECT_EQ(places.outcomes().value(), "/h/.local/share/godwit/outcomes.db");
    EXPECT_EQ(places.journal().value(), "/h/.local/state/godwit/journal.jsonl");
    EXPECT_FALSE(places.older_outcomes());
    EXPECT_FALSE(places.older_journal());
  }
}

TEST(Places, SayWhatIsMissingWithoutAHome) {
  const auto path = Places(environment({}), false).outcomes();
  ASSERT_FALSE(path);
  EXPECT_EQ(path.error().code, ErrorCode::kEnvironment);
  EXPECT_NE(path.error().message.find("XDG_DATA_HOME"), std::string::npos);
  EXPECT_FALSE(path.error().what_to_do.empty());
}

TEST(Places, OfRootAreTheSystemsWithOrWithoutAHome) {
  for (const Environment& none : {environment({}), environment({{"HOME", "/nonexistent"}})}) {
    const Places places(none, true, "/var/lib/godwit");
    EXPECT_EQ(places.outcomes().value(), "/var/lib/godwit/outcomes.db");
    EXPECT_EQ(places.model().value(), "/var/lib/godwit/model.json");
    EXPECT_EQ(places.journal().value(), "/var/lib/godwit/journal.jsonl");
    EXPECT_FALSE(places.older_outcomes());
    EXPECT_FALSE(places.older_model());
    EXPECT_FALSE(places.older_journal());
  }
}

/// A system folder and a root's home, both gone afterwards.
class RootsPlaces : public Scratch {
 protected:
  [[nodiscard]] Places places() const {
    return Places(environment({{"HOME", home_.native()}}), true, folder_ / "system");
  }
  void make(const fs::path& file, const std::string& text) const {
    fs::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }
  OutcomeRecord record(const std::string& destination) const {
    OutcomeRecord record;
    record.destination = destination;
    return record;
  }
  const fs::path home_ = folder_ / "root";
  const fs::path older_store_ = home_ / ".local/share/godwit/outcomes.db";
};

TEST_F(RootsPlaces, OfAnEarlierVersionAreKnownWhereTheyAre) {
  make(home_ / ".local/share/godwit/model.json", "{}");
  make(home_ / ".local/state/godwit/journal.jsonl", "");
  EXPECT_EQ(places().older_model(), home_ / ".local/share/godwit/model.json");
  EXPECT_EQ(places().older_journal(), home_ / ".local/state/godwit/journal.jsonl");
  EXPECT_FALSE(places().older_outcomes());
}

TEST_F(RootsPlaces, WhatAnEarlierVersionKeptIsTakenOverOnceAndStaysThereToo) {
  ASSERT_TRUE(store::SqliteOutcomeStore::open(older_store_).value()->append(record("lab:old")));
  for (const char* destination : {"lab:new", "lab:newer"}) {
    const auto store = open_store(places(), "");
    ASSERT_TRUE(store) << store.error().message;
    ASSERT_TRUE((*store)->append(record(destination)));
  }
  const auto all = open_store(places(), "").value()->find({});
  ASSERT_TRUE(all);
  ASSERT_EQ(all->size(), 3U);
  EXPECT_EQ(all->back().destination, "lab:old");
  EXPECT_EQ(store::SqliteOutcomeStore::open(older_store_).value()->find({})->size(), 1U);
}

TEST_F(RootsPlaces, AnEarlierStoreThatIsDamagedIsSaidAndNotPassedOver) {
  make(older_store_, "no database, and nobody's history is to be lost");
  const auto store = open_store(places(), "");
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().code, ErrorCode::kCorrupt);
  EXPECT_NE(store.error().message.find(older_store_.native()), std::string::npos);
}

}  // namespace
}  // namespace godwit::engine
