// By libvirt's library itself. It is loaded late, and brings functions along (XDR) that sanitizers
// look for when a program starts: what calls them ends it.

#include "godwit/libvirt/connection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <stop_token>
#include <thread>
#include <utility>

#include "godwit/libvirt/host.h"
#include "silent_listener.h"
#include "temporary_folder.h"

namespace godwit::libvirt {
namespace {

using testing::HasSubstr;

/// A host within libvirt's library itself, on which a domain "test" runs, with the number 1.
constexpr const char* kMadeUp = "test:///default";

class MadeUpHost : public testing::Test {
 protected:
  void SetUp() override {
    auto opened = Connection::open(kMadeUp);
    if (!opened) GTEST_SKIP() << opened.error().message;
    host = std::move(*opened);
  }
  std::shared_ptr<Connection> host;
};

TEST_F(MadeUpHost, ANumberIsADomainsOnlyWhereAPersonTypedIt) {
  EXPECT_TRUE(host->find("test"));
  const auto found = host->find("1");
  ASSERT_FALSE(found) << "it is no name and no UUID";
  EXPECT_EQ(found.error().code, ErrorCode::kNotFound);
  const auto active = active_domain(*host, "1");
  ASSERT_TRUE(active) << active.error().message;
  EXPECT_FALSE(*active) << (*active)->name;

  const auto typed = host->find_as_typed("1");
  ASSERT_TRUE(typed) << typed.error().message;
  EXPECT_EQ(name_of(*host, typed->get()), "test");
  const auto none = host->find_as_typed("2");
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, ErrorCode::kNotFound);
}

/// A daemon that takes connections and never answers, where libvirt's library can be asked.
class SilentDaemon : public testing::Test {
 protected:
  void SetUp() override {
    if (const auto library = load_api(); !library) GTEST_SKIP() << library.error().message;
    daemon = std::make_unique<SilentListener>(folder.file("libvirt-sock"));
  }
  [[nodiscard]] Result<std::shared_ptr<Connection>> open(const Opening& how) const {
    return Connection::open(daemon->uri(), how);
  }
  static constexpr Seconds kShort{0.05};
  static constexpr Seconds kForEver{1e6};

  TemporaryFolder folder;
  std::unique_ptr<SilentListener> daemon;
};

TEST_F(SilentDaemon, IsGivenUpInTimeAndSaidToBeSilent) {
  const auto opened = open({.patience = kShort});
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::kPeerGone);
  EXPECT_THAT(opened.error().message, HasSubstr("no answer within"));
  EXPECT_THAT(opened.error().message, HasSubstr(daemon->uri()));
}

TEST_F(SilentDaemon, AStopRequestEndsWaitingForItAtOnce) {
  std::stop_source stop;
  const std::jthread person([&] {
    if (daemon->await_one()) stop.request_stop();
  });
  const auto opened = open({.patience = kForEver, .stop = stop.get_token()});
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::kInterrupted);

  // who clears up afterwards is not turned away by it
  const auto afterwards = open({.patience = kShort, .stop = stop.get_token()});
  ASSERT_FALSE(afterwards);
  EXPECT_EQ(afterwards.error().code, ErrorCode::kPeerGone);
}

TEST_F(SilentDaemon, TriedAgainAndAgainItHoldsOneThread) {
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(open({.patience = kShort}));
  EXPECT_TRUE(daemon->await_one());
  EXPECT_FALSE(daemon->connected()) << "each try made a connection of its own";

  daemon.reset();  // it ends, and what waited for it, too
  daemon = std::make_unique<SilentListener>(folder.file("libvirt-sock"));
  std::optional<Result<std::shared_ptr<Connection>>> opened;
  RealClock clock;
  EXPECT_TRUE(comes(clock, [&] {
    opened = open({.patience = kShort});
    return daemon->connected();
  })) << "it is never connected to anew";
}

TEST_F(SilentDaemon, TheEndOfAnAttemptThatWasLeftBehindIsTheNextOnesAnswer) {
  EXPECT_FALSE(open({.patience = kShort}));
  EXPECT_TRUE(daemon->await_one());
  const std::jthread ends([&] { daemon.reset(); });
  const std::string uri = "qemu+unix:///system?socket=" + folder.file("libvirt-sock");
  const auto opened = Connection::open(uri, {.patience = kForEver});
  ASSERT_FALSE(opened) << "what libvirt says of it";
  EXPECT_EQ(opened.error().code, ErrorCode::kPeerGone);
}

}  // namespace
}  // namespace godwit::libvirt
