#include "godwit/metrics/server.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <string>

#include "godwit/base/unique_fd.h"

namespace godwit::metrics {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

/// What a server at 127.0.0.1 answers, headers included.
std::string get(const std::string& address, const std::string& path) {
  const UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in place{};
  place.sin_family = AF_INET;
  place.sin_port =
      htons(static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))));
  place.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(socket.get(), reinterpret_cast<sockaddr*>(&place), sizeof place) != 0) return "";
  const std::string request =
      "GET " + path + " HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n";
  if (::write(socket.get(), request.data(), request.size()) < 0) return "";
  std::string answer;
  std::array<char, 4096> part{};
  for (ssize_t got = 0; (got = ::read(socket.get(), part.data(), part.size())) > 0;) {
    answer.append(part.data(), static_cast<std::size_t>(got));
  }
  return answer;
}

TEST(Server, ServesTheMetricsAndNothingElse) {
  Metrics metrics;
  metrics.reached("qemu:///system");
  const auto server = Server::listen("127.0.0.1:0", metrics);
  ASSERT_TRUE(server) << server.error().message;
  EXPECT_THAT((*server)->address(), StartsWith("127.0.0.1:"));
  const std::string answer = get((*server)->address(), "/metrics");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(answer, HasSubstr(R"(godwit_target_reached{target="qemu:///system"} 1)"));
  EXPECT_THAT(get((*server)->address(), "/etc/passwd"), StartsWith("HTTP/1.1 404"));
}

OutcomeRecord completed(std::int64_t id) {
  OutcomeRecord kept;
  kept.id = id;
  kept.outcome.status = OutcomeStatus::kCompleted;
  return kept;
}

/// After a restart no scrape finds a counter that is lower than before it.
TEST(Server, CountsWhatTheStoreHasBeforeTheFirstScrape) {
  Metrics metrics;
  const std::string address = [&] {
    const auto before = Server::listen("127.0.0.1:0", metrics);
    return before ? (*before)->address() : "";
  }();
  std::vector<std::string> meanwhile;
  const auto store = [&](std::int64_t id, std::int64_t limit) {
    meanwhile.push_back(get(address, "/metrics"));
    std::vector<OutcomeRecord> found;
    for (; id < 450 && static_cast<std::int64_t>(found.size()) < limit; ++id) {
      found.push_back(completed(id + 1));
    }
    return Result<std::vector<OutcomeRecord>>(std::move(found));
  };
  const auto server = Server::listen(address, metrics, store);
  ASSERT_TRUE(server) << server.error().message;
  EXPECT_THAT(meanwhile, testing::SizeIs(testing::Ge(2u)));
  EXPECT_THAT(meanwhile, testing::Each(testing::IsEmpty())) << "nobody is answered while it reads";
  EXPECT_THAT(get(address, "/metrics"), testing::ContainsRegex("migrations_total[{].*[}] 450"));
}

TEST(Server, ServesWithoutAStoreThatCannotBeRead) {
  Metrics metrics;
  const auto locked = [](std::int64_t, std::int64_t) -> Result<std::vector<OutcomeRecord>> {
    return fail(ErrorCode::kBusy, "it is locked");
  };
  const auto server = Server::listen("127.0.0.1:0", metrics, locked);
  ASSERT_TRUE(server) << server.error().message;
  EXPECT_THAT(get((*server)->address(), "/metrics"), StartsWith("HTTP/1.1 200"));
}

TEST(Server, APortThatIsTakenIsSaid) {
  Metrics metrics;
  const auto first = Server::listen("127.0.0.1:0", metrics);
  ASSERT_TRUE(first);
  const auto second = Server::listen((*first)->address(), metrics);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kEnvironment);
  EXPECT_THAT(second.error().message, HasSubstr((*first)->address()));
}

TEST(Server, WhatIsNoAddressIsRefused) {
  Metrics metrics;
  for (const char* text :
       {"", "9817", ":9817", "127.0.0.1", "127.0.0.1:", "127.0.0.1:70000", "127.0.0.1:1s",
        "::1:9817", "[127.0.0.1]:1", "host:9817", "127.0.0.1:80,0.0.0.0:81", "127.0.0.1:443s"}) {
    const auto server = Server::listen(text, metrics);
    ASSERT_FALSE(server) << text;
    EXPECT_EQ(server.error().code, ErrorCode::kBadInput) << text;
  }
}

}  // namespace
}  // namespace godwit::metrics
