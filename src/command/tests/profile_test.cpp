#include "godwit/command/profile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "pattern.h"
#include "placeholders.h"
#include "source_tree.h"

namespace godwit::command {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kWhole = R"(name = "hv"
about = "a hypervisor"
tested = "real"
technique = "postcopy"
waits = false
plain_values = true
patience = "5s"
poll = "20ms"
[commands]
start = ["hv", "start", "{vm}", "{{x}}"]
migrate = ["hv", "move", "{vm}", "{destination}"]
status = ["hv", "show", "{here}", "{user}"]
[status]
running = ["on", "at {here}$"]
absent = "at {there}"
[variables]
source = "one host"
destination = "the other"
user = "who"
)";

/// The whole profile with one text in it changed for another.
std::string changed(const std::string& from, const std::string& to) {
  std::string text = kWhole;
  const auto at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

void expect_refused(const std::string& text, const std::string& why) {
  const auto profile = parse_profile(text);
  ASSERT_FALSE(profile) << text;
  EXPECT_EQ(profile.error().code, ErrorCode::kBadInput);
  EXPECT_THAT(profile.error().message, HasSubstr(why));
  EXPECT_FALSE(profile.error().what_to_do.empty());
}

TEST(Profile, IsReadAsItIsWritten) {
  const auto profile = parse_profile(kWhole);
  ASSERT_TRUE(profile) << profile.error().message;
  EXPECT_EQ(profile->name, "hv");
  EXPECT_TRUE(profile->tested_for_real);
  EXPECT_EQ(profile->technique, Technique::kPostcopy);
  EXPECT_FALSE(profile->waits);
  EXPECT_TRUE(profile->plain_values);
  EXPECT_EQ(profile->patience, Seconds(5));
  EXPECT_EQ(profile->poll, Seconds(0.02));
  EXPECT_THAT(profile->migrate, ElementsAre("hv", "move", "{vm}", "{destination}"));
  EXPECT_TRUE(profile->cancel.empty());
  EXPECT_THAT(profile->running, ElementsAre("on", "at {here}$"));
  EXPECT_TRUE(profile->both_ways);
}

TEST(Profile, TheOneInTheManualIsRead) {
  std::ifstream file(in_source_tree("docs/command-driver.md"));
  const std::string manual((std::istreambuf_iterator<char>(file)),
                           std::istreambuf_iterator<char>());
  const std::string fence = "```toml\n";
  const auto start = manual.find(fence);
  ASSERT_NE(start, std::string::npos);
  const auto end = manual.find("```", start + fence.size());
  const auto profile =
      parse_profile(manual.substr(start + fence.size(), end - start - fence.size()));
  ASSERT_TRUE(profile) << profile.error().message;
  EXPECT_TRUE(profile->both_ways);
}

TEST(Profile, WhatCannotBeMeantIsRefusedWithItsLine) {
  expect_refused("name = ", "line 1");
  expect_refused(changed("about", "abuot"), "line 2: unknown key 'abuot'");
  expect_refused(changed("tested = \"real\"", ""), "'tested' is missing");
  expect_refused(changed("\"real\"", "\"no\""), "line 3: 'no'");
  expect_refused(changed("postcopy", "teleport"), "line 4: unknown technique");
  expect_refused(changed("waits = false", "waits = 1"), "line 5");
  expect_refused(changed("5s", "0s"), "line 7: 0s is out of range");
  expect_refused(changed("5s", "5"), "line 7");
  expect_refused(changed("start =", "begin ="), "line 10: unknown key 'begin'");
  expect_refused(changed("migrate =", "cancel ="), "'migrate' is missing");
  expect_refused(changed("[\"hv\", \"move\"", "[7, \"move\""), "line 11");
  expect_refused(changed("[\"hv\", \"move\", \"{vm}\", \"{destination}\"]", "\"hv move\""),
                 "line 11: a command must be a list");
  expect_refused(changed("[\"hv\", \"move\"", "[\"{vm}\", \"move\""), "line 11");
  expect_refused(changed("{user}", "{nobody}"), "line 12: unknown placeholder {nobody}");
  expect_refused(changed("{user}", "{here_uri}"), "line 12: unknown placeholder {here_uri}");
  expect_refused(changed("{user}", "{user"), "line 12: a brace");
  expect_refused(changed("{user}", "us}er"), "line 12: a brace");
  expect_refused(changed("{user}", "user"), "line 19: no command names {user}");
  expect_refused(changed("absent =", "paused ="), "'absent'");
  expect_refused(changed("absent = \"at {there}\"", "absent = \"(at\""), "line 15: no regular");
  expect_refused(changed("absent = \"at {there}\"", "absent = \"\""), "line 15: an empty");
  expect_refused(changed("absent = \"at {there}\"", "absent = []"), "line 15: an empty list");
  expect_refused(changed("\"at {there}\"", "'(a)\\1'"), "line 15: an expression with a count");
  expect_refused(changed("\"at {there}\"", "'\\{there}'"), "line 15: an expression with a count");
  expect_refused(changed("\"at {there}\"", "'" + std::string(11, '+') + "'"),
                 "line 15: an expression with more than 10 +");
  expect_refused(changed("user = \"who\"", "here = \"who\""), "line 19: 'here' is no name");
  expect_refused(changed("user = \"who\"", "User = \"who\""), "line 19: 'User' is no name");
}

TEST(Profile, WithOnlyADestinationThereIsNoWayBack) {
  std::string text = kWhole;
  for (const std::string gone :
       {"source = \"one host\"\n", "start = [\"hv\", \"start\", \"{vm}\", \"{{x}}\"]\n"}) {
    text.erase(text.find(gone), gone.size());
  }
  for (const auto& [from, to] :
       {std::pair{"{here}\", ", "h\", "}, {"{here}$", "h"}, {"{there}", "t"}}) {
    text.replace(text.find(from), std::string(from).size(), to);
  }
  const auto profile = parse_profile(text);
  ASSERT_TRUE(profile) << profile.error().message;
  EXPECT_FALSE(profile->both_ways);
}

TEST(Placeholders, AreFilledOnceAndBracesKept) {
  const Values values{{"vm", "{user}"}, {"user", "me"}};
  EXPECT_EQ(fill("{vm}-{user} {{vm}}", values, unquoted), "{user}-me {vm}");
  EXPECT_EQ(fill("{vm}.", values, quoted_for_regex), "\\{user\\}.");
}

TEST(Placeholders, HereAndThereAreTheSides) {
  const Values values{{"source_uri", "a"}, {"destination_uri", "b"}, {"sources", "s"}};
  EXPECT_EQ(seen_from(values, true).at("here_uri"), "a");
  EXPECT_EQ(seen_from(values, false).at("here_uri"), "b");
  EXPECT_EQ(seen_from(values, false).at("there_uri"), "a");
  EXPECT_EQ(swapped(values).at("source_uri"), "b");
  EXPECT_EQ(swapped(values).at("sources"), "s");
  EXPECT_EQ(swapped(swapped(values)), values);
}

RC_GTEST_PROP(PatternProperty, AQuotedValueIsFoundAsItIsAndOnlySo, ()) {
  const auto value =
      *rc::gen::nonEmpty(rc::gen::container<std::string>(rc::gen::inRange(' ', '~')));
  const std::string pattern = "^" + quoted_for_regex(value) + "$";
  RC_ASSERT(found_in(pattern, "before\r\n" + value + "\r\nafter"));
  RC_ASSERT(!found_in(pattern, value + "x"));
}

TEST(Pattern, LinesMayEndAsOnWindowsAndNulsAreNoEnd) {
  EXPECT_TRUE(found_in("^Running$", "Running\r\n"));
  EXPECT_TRUE(found_in("running", std::string("a\0b running", 11)));
  EXPECT_FALSE(found_in("^running$", "not running"));
}

TEST(Pattern, AnyTextIsJudgedInBoundedTime) {
  const std::string many(60'000, 'a');
  EXPECT_FALSE(found_in("^(a|aa|a*)*b$", many));
}

}  // namespace
}  // namespace godwit::command
