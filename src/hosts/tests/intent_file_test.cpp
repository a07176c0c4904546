#include "godwit/hosts/intent_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>

namespace godwit::hosts {
namespace {

using testing::HasSubstr;

/// 2026-11-27T20:00:00Z
constexpr std::int64_t kTheTime = 1'795'809'600'000'000;

class AnIntentFile : public testing::Test {
 protected:
  AnIntentFile() {
    ::setenv("TZ", "UTC", 1);  // this test's process is its own
    ::tzset();
    base_.max_downtime = Seconds(1);
  }
  [[nodiscard]] Result<IntentFile> read(const std::string& text) const {
    return parse_intent_file(text, base_, kTheTime);
  }
  [[nodiscard]] std::string refused(const std::string& text) const {
    const auto file = read(text);
    EXPECT_FALSE(file) << text;
    if (file) return "";
    EXPECT_FALSE(file.error().what_to_do.empty()) << text;
    return file.error().message;
  }

  Intent base_;
};

TEST_F(AnIntentFile, SaysOfEachVmWhatItsMoveIsToKeep) {
  const auto file = read(R"(
[default]
no_postcopy = true
priority = -1
[vms.db]
max_downtime = "50ms"
max_time = "10m"
max_slowdown = "10%"
max_bytes = "64GiB"
confidence = "95%"
prefer = "guest"
not_before = "22:30"
priority = 5
[vms.test]
stays = true
no_postcopy = false
)");
  ASSERT_TRUE(file) << file.error().message;
  const VmIntent& db = file->of("db");
  EXPECT_EQ(db.intent.max_downtime, Seconds(0.05));
  EXPECT_EQ(db.intent.max_time, Seconds(600));
  EXPECT_EQ(db.intent.max_slowdown, Ratio(0.1));
  EXPECT_EQ(db.intent.max_bytes, 64_GiB);
  EXPECT_EQ(db.intent.confidence, Ratio(0.95));
  EXPECT_EQ(db.intent.prefer, Intent::Prefer::kGuest);
  EXPECT_TRUE(db.intent.no_postcopy) << "as is usual in this file";
  EXPECT_EQ(db.not_before, kTheTime + 9'000'000'000);
  EXPECT_EQ(db.priority, 5);
  EXPECT_TRUE(file->of("test").stays);
  EXPECT_FALSE(file->of("test").intent.no_postcopy);
  EXPECT_EQ(file->of("test").intent.max_downtime, Seconds(1)) << "as it holds without the file";
  EXPECT_EQ(file->of("anybody").priority, -1);
  EXPECT_EQ(file->of("anybody").not_before, std::nullopt);
}

TEST_F(AnIntentFile, GroupsThatShareAVmAreTogetherAsOne) {
  const auto file = read(R"(
[together]
cache = ["web", "redis"]
shop = ["web", "db"]
other = ["x", "y"]
[apart]
databases = ["db", "db2"]
)");
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_FALSE(file->of("redis").together.empty());
  EXPECT_EQ(file->of("redis").together, file->of("db").together);
  EXPECT_EQ(file->of("web").together, file->of("db").together);
  EXPECT_NE(file->of("x").together, file->of("db").together);
  EXPECT_EQ(file->of("db").apart, "databases");
  EXPECT_EQ(file->of("db2").apart, "databases");
  EXPECT_EQ(file->of("db2").line, 7u);
}

TEST_F(AnIntentFile, WhatContradictsItselfIsRefusedByName) {
  EXPECT_THAT(refused("[together]\none = [\"a\", \"b\"]\ntwo = [\"b\", \"c\"]\n"
                      "[apart]\nfar = [\"a\", \"c\"]"),
              testing::AllOf(HasSubstr("line 5"), HasSubstr("VMs a and c"), HasSubstr("'far'"),
                             HasSubstr("one"), HasSubstr("two")));
  EXPECT_THAT(refused("[apart]\none = [\"a\", \"b\"]\ntwo = [\"b\", \"c\"]"),
              HasSubstr("VM b is in two groups to be apart, 'one' and 'two'"));
  EXPECT_THAT(refused("[apart]\none = [\"a\", \"a\"]"), HasSubstr("VM a is in group 'one' twice"));
  EXPECT_THAT(refused("[apart]\none = [\"a\"]"), HasSubstr("two VMs or more"));
}

TEST_F(AnIntentFile, WhatIsWrongIsSaidWithItsLine) {
  EXPECT_THAT(refused("[vms.db]\nmax_downtme = \"1s\""), HasSubstr("line 2: unknown key"));
  EXPECT_THAT(refused("[vms.db]\nmax_downtime = \"0ms\""), HasSubstr("line 2"));
  EXPECT_THAT(refused("[vms.db]\nmax_downtime = 300"), HasSubstr("line 2"));
  EXPECT_THAT(refused("[vms.db]\nmax_slowdown = \"0.1\""), HasSubstr("no share"));
  EXPECT_THAT(refused("[vms.db]\nprefer = \"speed\""), HasSubstr("unknown preference"));
  EXPECT_THAT(refused("[vms.db]\npriority = \"high\""), HasSubstr("line 2"));
  EXPECT_THAT(refused("[vms.db]\nnot_before = \"soon\""), HasSubstr("line 2: 'soon' is no time"));
  EXPECT_THAT(refused("[default]\nstays = true"), HasSubstr("unknown key 'stays'"));
  EXPECT_THAT(refused("[vms]\ndb = 3"), HasSubstr("must be a section"));
  EXPECT_THAT(refused("vms = 3"), HasSubstr("line 1"));
  EXPECT_THAT(refused("[hosts.a]"), HasSubstr("unknown key 'hosts'"));
}

}  // namespace
}  // namespace godwit::hosts
