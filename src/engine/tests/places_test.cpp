#include "godwit/store/paths.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

namespace godwit::store {
namespace {

Environment environment(std::map<std::string, std::string> variables) {
  return [variables = std::move(variables)](const char* name) {
    const auto found = variables.find(name);
    return found == variables.end() ? nullptr : found->second.c_str();
  };
}

TEST(Paths, FollowTheXdgVariables) {
  const auto env = environment({{"HOME", "/h"}, {"XDG_DATA_HOME", "/d"}, {"XDG_STATE_HOME", "/s"}});
  EXPECT_EQ(default_store_path(env).value(), "/d/godwit/outcomes.db");
  EXPECT_EQ(default_journal_path(env).value(), "/s/godwit/journal.jsonl");
}

TEST(Paths, FallBackToHome) {
  for (const char* no_path : {"", "relative"}) {
    const auto env =
        environment({{"HOME", "/h"}, {"XDG_DATA_HOME", no_path}, {"XDG_STATE_HOME", no_path}});
    EXPECT_EQ(default_store_path(env).value(), "/h/.local/share/godwit/outcomes.db");
    EXPECT_EQ(default_journal_path(env).value(), "/h/.local/state/godwit/journal.jsonl");
  }
}

TEST(Paths, SayWhatIsMissingWithoutAHome) {
  const auto path = default_store_path(environment({}));
  ASSERT_FALSE(path);
  EXPECT_EQ(path.error().code, ErrorCode::kEnvironment);
  EXPECT_NE(path.error().message.find("XDG_DATA_HOME"), std::string::npos);
  EXPECT_FALSE(path.error().what_to_do.empty());
}

}  // namespace
}  // namespace godwit::store
