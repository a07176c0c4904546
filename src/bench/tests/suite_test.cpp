#include "godwit/bench/suite.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "source_tree.h"

namespace godwit::bench {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

constexpr const char* kWhole = R"(
name = "dirty-size"
about = "How much a guest rewrites"
repeats = 2

[cell]
technique = ["precopy", "postcopy"]
link = "50MB/s"
ram = "384MiB"
downtime_limit = "100ms"
max_time = "30s"
observe = "1s"
pings = false
rehearse = true

[loads]
writer = "memory-write,set={set},rate=full"
quiet = "idle"

[sweep]
set = ["4MiB", "8MiB"]
)";

Suite suite(std::string_view toml) {
  auto read = parse_suite(toml);
  EXPECT_TRUE(read) << read.error().message;
  return read.value_or(Suite{});
}

std::string refusal(std::string_view toml) {
  const auto read = parse_suite(toml);
  if (read) return "accepted";
  EXPECT_EQ(read.error().code, ErrorCode::kBadInput);
  EXPECT_FALSE(read.error().what_to_do.empty());
  return read.error().message;
}

std::string with(std::string_view more) {
  return "name = \"n\"\nabout = \"a\"\n" + std::string(more);
}

TEST(Suite, CombinesTechniquesWithLoadsAndWhatTheySweep) {
  const Suite read = suite(kWhole);
  EXPECT_EQ(read.name, "dirty-size");
  EXPECT_EQ(read.repeats, 2);
  ASSERT_THAT(read.cells, SizeIs(2 * (2 + 1)));  // the quiet guest has nothing to sweep
  std::map<std::string, int> specs;
  for (const Cell& cell : read.cells) {
    ++specs[cell.spec];
    EXPECT_EQ(cell.link, BytesPerSecond(50e6));
    EXPECT_EQ(cell.ram, 384_MiB);
    EXPECT_EQ(cell.parameters.downtime_limit, Seconds(0.1));
    EXPECT_EQ(cell.max_time, Seconds(30));
    EXPECT_EQ(cell.observe, Seconds(1));
    EXPECT_FALSE(cell.pings);
    EXPECT_TRUE(cell.rehearse);
  }
  EXPECT_EQ(specs, (std::map<std::string, int>{{"memory-write,set=4MiB,rate=full", 2},
                                               {"memory-write,set=8MiB,rate=full", 2},
                                               {"idle", 2}}));
}

TEST(Suite, ThoseThatComeWithGodwitAreUnderstood) {
  int suites = 0;
  for (const auto& entry : std::filesystem::directory_iterator(in_source_tree("suites"))) {
    std::ostringstream text;
    text << std::ifstream(entry.path()).rdbuf();
    const auto read = parse_suite(text.str());
    ASSERT_TRUE(read) << entry.path() << ": " << read.error().message;
    EXPECT_EQ(read->name, entry.path().stem().native());
    ++suites;
  }
  EXPECT_GE(suites, 5);
}

TEST(Suite, AScalarIsAListOfOne) {
  const Suite read = suite(with("[cell]\ntechnique = \"xbzrle\"\n[loads]\nidle = \"idle\"\n"));
  ASSERT_THAT(read.cells, SizeIs(1));
  EXPECT_EQ(read.cells.front().technique, Technique::kXbzrle);
  EXPECT_EQ(read.repeats, 1);
}

TEST(Suite, ATechniquesNameSaysWhetherTheDiskMoves) {
  const Suite read = suite(
      with("[cell]\ntechnique = [\"precopy\", \"postcopy+storage\"]\n[loads]\nidle = \"idle\"\n"));
  ASSERT_THAT(read.cells, SizeIs(2));
  EXPECT_EQ(read.cells.front().technique, Technique::kPrecopy);
  EXPECT_EQ(to_string(read.cells.back().technique), "postcopy+storage");
  EXPECT_THAT(describe(read.cells.back()), HasSubstr("by postcopy+storage"));
  for (const char* name :
       {"cold+storage", "+storage", "precopy+storage+storage", "multifd+xbzrle"}) {
    EXPECT_THAT(
        refusal(with(std::string("[cell]\ntechnique = \"") + name + "\"\n[loads]\ni = \"idle\"\n")),
        HasSubstr(name));
  }
}

/// The three techniques that Zhang, Lam and Wang set side by side.
TEST(Suite, SharesAreNotSaidWhereGodwitChoosesThemOrNothingIsShared) {
  const Suite read =
      suite(with("[cell]\ntechnique = [\"precopy+storage\", \"auto+storage\", \"precopy\"]\n"
                 "precopy_storage = [1, 0]\nprefer = \"agility\"\nround_trip = \"5ms\"\n"
                 "disk = \"512MiB\"\ndisk_filled = 0.5\n[loads]\nidle = \"idle\"\n"));
  std::vector<std::string> seen;
  for (const Cell& cell : read.cells) {
    const auto share = cell.parameters.precopy_storage;
    seen.push_back(technique_name(cell) + (share ? std::to_string(share->value() < 1) : ""));
    EXPECT_EQ(intent_of(cell).prefer, Intent::Prefer::kAgility);
    EXPECT_EQ(cell.round_trip, Seconds(0.005));
    EXPECT_EQ(cell.disk, 512_MiB);
    EXPECT_EQ(cell.disk_filled, Ratio(0.5));
  }
  EXPECT_THAT(seen, testing::UnorderedElementsAre("precopy+storage0", "precopy+storage1",
                                                  "auto+storage", "precopy"));
}

TEST(Suite, AShareOrADiskThatCannotBeIsRefused) {
  for (const char* line : {"precopy_storage = 1.5", "precopy_storage = \"half\"",
                           "disk = \"1000kB\"", "disk_filled = -0.5", "round_trip = \"5\"",
                           "prefer = \"luck\"", "technique = \"auto+disks\""}) {
    EXPECT_THAT(refusal(with(std::string("[cell]\n") + line + "\n[loads]\ni = \"idle\"\n")),
                HasSubstr("line 4"))
        << line;
  }
}

TEST(Suite, LawsAndIntentsAreSweptLikeAnything) {
  const Suite read =
      suite(with("[cell]\nlaw = [\"none\", \"jin,c=0.6\"]\nmax_downtime = \"300ms\"\n"
                 "no_postcopy = [true, false]\nrelay = true\n[loads]\nidle = \"idle\"\n"));
  ASSERT_THAT(read.cells, SizeIs(4));
  std::map<std::string, int> intents;
  for (const Cell& cell : read.cells) {
    ++intents[cell.law + ": " + intent_in_words(cell)];
    EXPECT_EQ(intent_of(cell).max_downtime, Seconds(0.3));
    EXPECT_EQ(intent_of(cell).max_time, cell.max_time);
    EXPECT_TRUE(cell.relay);
  }
  EXPECT_EQ(intents, (std::map<std::string, int>{{"none: 300 ms, no post-copy", 1},
                                                 {"none: 300 ms", 1},
                                                 {"jin,c=0.6: 300 ms, no post-copy", 1},
                                                 {"jin,c=0.6: 300 ms", 1}}));
  EXPECT_THAT(refusal(with("[cell]\nlaw = \"jin,c=2\"\n[loads]\ni = \"idle\"\n")),
              HasSubstr("line 4"));
  EXPECT_THAT(refusal(with("[cell]\nlaw = \"gravity\"\n[loads]\ni = \"idle\"\n")),
              HasSubstr("gravity"));
}

TEST(Suite, SaysWhatIsWrongAndWhere) {
  EXPECT_THAT(refusal("name = "), HasSubstr("line 1"));
  EXPECT_THAT(refusal("about = \"a\"\n[loads]\nidle = \"idle\""), HasSubstr("'name' is missing"));
  EXPECT_THAT(refusal(with("")), HasSubstr("no load"));
  EXPECT_THAT(refusal(with("repeat = 3\n")), HasSubstr("line 3: unknown key 'repeat'"));
  EXPECT_THAT(refusal(with("repeats = 0\n")), HasSubstr("line 3"));
  EXPECT_THAT(refusal(with("repeats = \"3\"\n")), HasSubstr("whole number"));
  EXPECT_THAT(refusal(with("[cell]\nspeed = 1\n[loads]\ni = \"idle\"\n")), HasSubstr("'speed'"));
  EXPECT_THAT(refusal(with("[cell]\nlink = 40\n[loads]\ni = \"idle\"\n")), HasSubstr("text"));
  EXPECT_THAT(refusal(with("[cell]\nlink = \"40\"\n[loads]\ni = \"idle\"\n")), HasSubstr("line 4"));
  EXPECT_THAT(refusal(with("[cell]\nlink = []\n[loads]\ni = \"idle\"\n")), HasSubstr("empty list"));
  EXPECT_THAT(refusal(with("[cell]\nobserve = \"500ms\"\n[loads]\ni = \"idle\"\n")),
              HasSubstr("observed for 500 ms"));
  EXPECT_THAT(refusal(with("[cell]\nmax_time = \"0s\"\n[loads]\ni = \"idle\"\n")),
              HasSubstr("zero"));
  EXPECT_THAT(refusal(with("[cell]\ntechnique = \"teleport\"\n[loads]\ni = \"idle\"\n")),
              HasSubstr("teleport"));
  EXPECT_THAT(refusal(with("[cell]\nprecopy_share = 1.5\n[loads]\ni = \"idle\"\n")),
              HasSubstr("from 0 to 1"));
  EXPECT_THAT(refusal(with("loads = 3\n")), HasSubstr("must be a section"));
}

TEST(Suite, AnImpossibleSweepIsRefused) {
  EXPECT_THAT(refusal(with("[loads]\nw = \"memory-write,set={set}\"\n")),
              HasSubstr("{set}, which is not swept"));
  EXPECT_THAT(refusal(with("[loads]\ni = \"idle\"\n[sweep]\nset = [\"4MiB\"]\n")),
              HasSubstr("no load names {set}"));
  EXPECT_THAT(refusal(with("[loads]\nw = \"x{set}\"\n[sweep]\nset = []\n")),
              HasSubstr("empty list"));
  EXPECT_THAT(refusal(with("[loads]\nw = \"x{set}\"\n[sweep]\nset = [\"{set}\"]\n")),
              HasSubstr("brace"));
}

TEST(Suite, MoreThanAnybodyCanWaitForIsRefused) {
  std::string many = with("repeats = 1000\n[loads]\nw = \"x{a}\"\n[sweep]\na = [");
  for (int i = 0; i < 11; ++i) many += "\"" + std::to_string(i) + "\",";
  EXPECT_THAT(refusal(many + "]\n"), HasSubstr("10000"));
}

RC_GTEST_PROP(Order, HasEveryCellInEveryRepeatOneRepeatAfterTheOther, (std::uint64_t seed)) {
  const Suite read = suite(kWhole);
  const auto order = shuffled_cells(read, seed);
  RC_ASSERT(order.size() == read.cells.size() * 2);
  for (std::size_t i = 0; i < order.size(); ++i) {
    RC_ASSERT(order[i].repeat == (i < read.cells.size() ? 1 : 2));
    Cell first = order[i];
    first.repeat = 1;
    RC_ASSERT(std::count(read.cells.begin(), read.cells.end(), first) == 1);
  }
  RC_ASSERT(order == shuffled_cells(read, seed));
}

TEST(Order, DependsOnTheSeed) {
  const Suite read = suite(kWhole);
  EXPECT_NE(shuffled_cells(read, 1), shuffled_cells(read, 2));
}

}  // namespace
}  // namespace godwit::bench
