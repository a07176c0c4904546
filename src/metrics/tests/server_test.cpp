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
