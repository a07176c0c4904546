#include "godwit/qmp/qmp_client.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "godwit/base/log.h"
#include "godwit/qmp/testing/fake_qmp_server.h"

namespace godwit::qmp {
namespace {

using ::testing::ElementsAre;
using testing::FakeQmpServer;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

/// Long enough for any machine; nothing waits for it but a test that fails.
constexpr Seconds kEnough{60};
/// For what must never come: each such test lasts this long.
constexpr Seconds kShort{0.05};

class Client : public ::testing::Test {
 protected:
  Result<QmpClient> connect(Seconds patience = kEnough) {
    return QmpClient::connect(fake.path(), clock, in(patience));
  }
  /// Starts the fake and connects; the script must greet.
  QmpClient connected() {
    fake.start();
    return connect().value();
  }
  TimePoint in(Seconds patience) { return clock.now() + patience; }

  RealClock clock;
  FakeQmpServer fake;
};

TEST_F(Client, GreetsAndNegotiates) {
  fake.greet();
  fake.start();
  {
    const auto client = connect();
    ASSERT_TRUE(client) << client.error().message;
    EXPECT_EQ(client->peer_pid(), ::getpid());
  }
  EXPECT_THAT(fake.finish(), IsEmpty());
  EXPECT_THAT(fake.commands(), ElementsAre("qmp_capabilities"));
}

TEST_F(Client, WhomAnybodyMayHavePutThereIsNamed) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root, to be two users";
  constexpr uid_t kNobody = 65534;
  const std::filesystem::path folder = std::filesystem::path(fake.path()).parent_path();
  std::filesystem::permissions(folder, std::filesystem::perms::all);
  fake.greet();
  ASSERT_EQ(::seteuid(kNobody), 0);
  fake.start();
  ASSERT_EQ(::seteuid(0), 0);
  std::string said;
  log::set_sink([&said](log::Level, std::string_view message) { said += message; });
  EXPECT_TRUE(connect());
  log::set_sink({});
  EXPECT_THAT(said, HasSubstr("another user's process"));
}

TEST_F(Client, SilenceMeansBusy) {
  fake.start();
  const auto client = connect(kShort);
  ASSERT_FALSE(client);
  EXPECT_EQ(client.error().code, ErrorCode::kBusy);
  EXPECT_THAT(client.error().message, HasSubstr("another client holds the socket"));
  EXPECT_FALSE(client.error().what_to_do.empty());
}

TEST_F(Client, ASecondClientIsNotServed) {
  fake.greet();
  const QmpClient first = connected();
  const auto second = connect(kShort);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kBusy);
}

TEST_F(Client, AFullQueueMeansBusyToo) {
  fake.start();
  std::vector<UniqueFd> waiting;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  fake.path().copy(address.sun_path, sizeof(address.sun_path) - 1);
  while (true) {
    waiting.emplace_back(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    const auto* generic = reinterpret_cast<const sockaddr*>(&address);
    if (::connect(waiting.back().get(), generic, sizeof(address)) != 0) break;
  }
  const auto client = connect(kShort);
  ASSERT_FALSE(client);
  EXPECT_EQ(client.error().code, ErrorCode::kBusy);
}

TEST_F(Client, WhatIsNoSocketIsRefusedWithTheRightForm) {
  const std::string folder = std::filesystem::path(fake.path()).parent_path();
  const std::string file = folder + "/file";
  std::ofstream(file) << "no socket";
  const auto code_of = [&](const std::string& path) {
    const auto client = QmpClient::connect(path, clock, in(kEnough));
    EXPECT_FALSE(client);
    EXPECT_FALSE(client.error().what_to_do.empty()) << path;
    EXPECT_THAT(client.error().message, Not(HasSubstr("\n")));
    return client.error().code;
  };
  EXPECT_EQ(code_of(file), ErrorCode::kBadInput);
  EXPECT_EQ(code_of(folder), ErrorCode::kBadInput);
  EXPECT_EQ(code_of(""), ErrorCode::kBadInput);
  EXPECT_EQ(code_of("/" + std::string(200, 'x')), ErrorCode::kBadInput);
  EXPECT_EQ(code_of(folder + "/none"), ErrorCode::kNotFound);
  EXPECT_EQ(code_of(file + "/none"), ErrorCode::kNotFound);
}

TEST_F(Client, AStaleSocketHasNobodyBehindIt) {
  fake.start();
  fake.finish();
  const std::string stale = std::filesystem::path(fake.path()).parent_path() / "stale";
  {
    const UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    stale.copy(address.sun_path, sizeof(address.sun_path) - 1);
    ASSERT_EQ(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  }
  const auto client = QmpClient::connect(stale, clock, in(kEnough));
  ASSERT_FALSE(client);
  EXPECT_EQ(client.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(client.error().message, HasSubstr("nobody listens"));
}

TEST_F(Client, OtherProtocolsAreNamedByWhatTheySaid) {
  fake.send("QEMU 10.0.2 monitor - type 'help' for more information\r\n(qemu) ");
  fake.start();
  const auto client = connect();
  ASSERT_FALSE(client);
  EXPECT_EQ(client.error().code, ErrorCode::kProtocol);
  EXPECT_THAT(client.error().message, HasSubstr("QEMU 10.0.2 monitor"));
}

/// As QEMU 10.0 writes with -qmp-pretty, or -mon pretty=on.
TEST_F(Client, AMonitorThatWritesPrettyIsUnderstood) {
  fake.send(
      "{\r\n    \"QMP\": {\r\n        \"version\": {\r\n            \"qemu\": {\r\n"
      "                \"micro\": 2,\r\n                \"minor\": 0,\r\n"
      "                \"major\": 10\r\n            },\r\n            \"package\": \"\"\r\n"
      "        },\r\n        \"capabilities\": [\r\n            \"oob\"\r\n        ]\r\n"
      "    }\r\n}\r\n");
  fake.expect("qmp_capabilities", {{"enable", Json::array({"oob"})}})
      .send("{\r\n    \"return\": {\r\n    },\r\n    \"id\": 1\r\n}\r\n");
  fake.expect("query-status")
      .send(
          "{\r\n    \"timestamp\": {\r\n        \"seconds\": 1,\r\n"
          "        \"microseconds\": 2\r\n    },\r\n    \"event\": \"RESUME\"\r\n}\r\n"
          "{\r\n    \"return\": {\r\n        \"status\": \"running\",\r\n"
          "        \"running\": true\r\n    },\r\n    \"id\": 2\r\n}\r\n");
  fake.start();
  auto client = connect();
  ASSERT_TRUE(client) << client.error().message;
  EXPECT_EQ(client->execute("query-status", Json::object(), in(kEnough)).value().at("status"),
            "running");
  EXPECT_EQ(client->next_event(in(kEnough)).value().value().name, "RESUME");
  EXPECT_THAT(fake.finish(), IsEmpty());
}

TEST_F(Client, AnotherProtocolWithoutLinesIsNamedToo) {
  fake.send("login: ");
  fake.start();
  const auto client = connect(kShort);
  ASSERT_FALSE(client);
  EXPECT_EQ(client.error().code, ErrorCode::kProtocol);
  EXPECT_THAT(client.error().message, HasSubstr("login: "));
}

TEST_F(Client, APeerThatHangsUpInsteadOfGreeting) {
  fake.close();
  fake.start();
  EXPECT_EQ(connect().error().code, ErrorCode::kPeerGone);
}

TEST_F(Client, HostileGreetings) {
  const std::string deep(1'000'000, '[');
  for (const std::string& words :
       {std::string("\0\xff\xfe\n\0", 5), deep + "\n", std::string("{\"QMP\":[]}\n"),
        std::string("{\"event\":\"STOP\"}\n"), std::string("{\"return\":{}}\n")}) {
    FakeQmpServer hostile;
    hostile.send(words);
    hostile.start();
    const auto client = QmpClient::connect(hostile.path(), clock, in(kEnough));
    ASSERT_FALSE(client);
    EXPECT_EQ(client.error().code, ErrorCode::kProtocol) << words.substr(0, 30);
    EXPECT_LT(client.error().message.size(), 300U);
  }
}

TEST_F(Client, AnEndlessLineIsCutShort) {
  fake.send(std::string(kMostMessageBytes + 1, 'x'));
  fake.start();
  const auto client = connect();
  ASSERT_FALSE(client);
  EXPECT_EQ(client.error().code, ErrorCode::kProtocol);
}

TEST_F(Client, RepliesAndRefusals) {
  fake.greet();
  fake.expect("query-name").reply({{"name", "vm"}});
  fake.expect("migrate_cancel").refuse("not\nnow");
  fake.expect("quit").refuse("no quit here", "CommandNotFound");
  QmpClient client = connected();
  EXPECT_EQ(client.execute("query-name", Json::object(), in(kEnough)).value().at("name"), "vm");
  const auto refused = client.execute("migrate_cancel", Json::object(), in(kEnough));
  EXPECT_EQ(refused.error().code, ErrorCode::kRefused);
  EXPECT_THAT(refused.error().message, HasSubstr("not now"));
  const auto unknown = client.execute("quit", Json::object(), in(kEnough));
  EXPECT_EQ(unknown.error().code, ErrorCode::kUnsupported);
  EXPECT_THAT(unknown.error().message, HasSubstr("quit"));
  EXPECT_THAT(fake.finish(), IsEmpty());
}

TEST_F(Client, EventsBetweenRepliesAreKeptInOrder) {
  fake.greet();
  fake.event("STOP", Json::object(), 1'700'000'000'000'001);
  fake.expect("query-name").event("MIGRATION_PASS", {{"pass", 2}}, 5).reply();
  fake.event("RESUME");
  QmpClient client = connected();
  ASSERT_TRUE(client.execute("query-name", Json::object(), in(kEnough)));
  const auto stop = client.next_event(in(kEnough)).value().value();
  EXPECT_EQ(stop.name, "STOP");
  EXPECT_EQ(stop.wall_us, 1'700'000'000'000'001);
  const auto pass = client.next_event(in(kEnough)).value().value();
  EXPECT_EQ(pass.name, "MIGRATION_PASS");
  EXPECT_EQ(pass.data.at("pass"), 2);
  EXPECT_EQ(client.next_event(in(kEnough)).value().value().name, "RESUME");
  EXPECT_EQ(client.next_event(clock.now()).value(), std::nullopt);
  EXPECT_THAT(fake.finish(), IsEmpty());
}

TEST_F(Client, ALateReplyIsDroppedAndTheNextOneFound) {
  fake.greet();
  fake.expect("query-name");  // answered only after the next command came
  fake.expect("query-status");
  fake.send("{\"return\":{\"name\":\"late\"},\"id\":2}\r\n").reply({{"status", "running"}});
  QmpClient client = connected();
  const auto late = client.execute("query-name", Json::object(), in(kShort));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, ErrorCode::kTimeout);
  EXPECT_THAT(late.error().message, HasSubstr("query-name"));
  const auto status = client.execute("query-status", Json::object(), in(kEnough));
  ASSERT_TRUE(status) << status.error().message;
  EXPECT_EQ(status->at("status"), "running");
}

TEST_F(Client, AReplyThatNobodyAskedForBreaksTheConnection) {
  for (const char* reply : {"{\"return\":{},\"id\":77}\n", "{\"return\":{}}\n",
                            "{\"error\":{\"class\":\"GenericError\",\"desc\":\"x\"}}\n",
                            "{\"QMP\":{\"version\":{}}}\n", "[1,2]\n", "nonsense\n"}) {
    FakeQmpServer hostile;
    hostile.greet().expect("query-name").send(reply);
    hostile.start();
    QmpClient client = QmpClient::connect(hostile.path(), clock, in(kEnough)).value();
    const auto answer = client.execute("query-name", Json::object(), in(kEnough));
    ASSERT_FALSE(answer) << reply;
    EXPECT_EQ(answer.error().code, ErrorCode::kProtocol) << reply;
    EXPECT_EQ(client.next_event(in(kEnough)).error().code, ErrorCode::kProtocol);
  }
}

TEST_F(Client, EventsWithoutEndAreNotHoarded) {
  std::string flood;
  for (int i = 0; i < 70'000; ++i) flood += "{\"event\":\"STOP\"}\n";
  fake.greet().expect("query-name").send(flood);
  QmpClient client = connected();
  const auto answer = client.execute("query-name", Json::object(), in(kEnough));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::kProtocol);
}

TEST_F(Client, APeerThatDiesInMidReplyIsGoneAtOnceButItsEventsCount) {
  fake.greet().expect("query-name").event("SHUTDOWN", Json::object(), 9).send("{\"retu").close();
  QmpClient client = connected();
  EXPECT_EQ(client.execute("query-name", Json::object(), in(kEnough)).error().code,
            ErrorCode::kPeerGone);
  EXPECT_EQ(client.next_event(in(kEnough)).value().value().name, "SHUTDOWN");
  EXPECT_EQ(client.next_event(in(kEnough)).error().code, ErrorCode::kPeerGone);
  // writing to it neither kills us nor hangs
  EXPECT_EQ(client.execute("query-name", Json::object(), in(kEnough)).error().code,
            ErrorCode::kPeerGone);
}

TEST_F(Client, WritingToAPeerThatWentAwayReadsItsLastWords) {
  fake.greet().event("SHUTDOWN").close();
  QmpClient client = connected();
  EXPECT_EQ(client.execute("query-name", Json::object(), in(kEnough)).error().code,
            ErrorCode::kPeerGone);
  EXPECT_EQ(client.next_event(in(kEnough)).value().value().name, "SHUTDOWN");
}

TEST_F(Client, TextThatIsNoUtf8NeverReachesQemu) {
  fake.greet();
  QmpClient client = connected();
  const auto answer = client.execute("migrate", Json{{"uri", "\xff\xfe"}}, in(kEnough));
  EXPECT_EQ(answer.error().code, ErrorCode::kBadInput);
}

TEST_F(Client, ASimulatedClockComesToTheDeadlineToo) {
  fake.greet();
  fake.start();
  ManualClock simulated;
  auto client = QmpClient::connect(fake.path(), simulated, simulated.now() + kEnough);
  ASSERT_TRUE(client);
  const TimePoint deadline = simulated.now() + kShort;
  EXPECT_EQ(client->next_event(deadline).value(), std::nullopt);
  EXPECT_EQ(simulated.now(), deadline);
}

}  // namespace
}  // namespace godwit::qmp
