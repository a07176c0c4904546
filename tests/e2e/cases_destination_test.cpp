// A destination is not burnt: addresses are checked first, and each failure says what it is good
// for.

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "cases.h"
#include "godwit/base/unique_fd.h"

namespace godwit::e2e {
namespace {

class Destination : public Cases {};

sockaddr_in loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  return address;
}

UniqueFd listener(int port, int backlog) {
  UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_in address = loopback(port);
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(socket.get(), backlog) != 0) {
    throw std::runtime_error("cannot listen");
  }
  return socket;
}

TEST_F(Destination, APortInUseIsSaidAndItCanBeUsedAgainOrThatIsSaid) {
  start();
  const int port = free_port();
  const UniqueFd taken = listener(port, 1);
  const Finished run =
      run_godwit(migrate_to(fmt::format("tcp:127.0.0.1:{}", port), {"--technique", "precopy"}));
  EXPECT_THAT(run.status, testing::AnyOf(1, 2)) << run.out << run.err;
  EXPECT_SAYS(run, std::to_string(port));
  EXPECT_SAYS(run, "in use");
  expect_runs_only(Side::kSource);
  expect_as_before(Side::kSource);
  if (says(run, "anew")) return;  // it was said that this QEMU is spent
  expect_completed(run_godwit(migrate({"--technique", "precopy"})));
}

TEST_F(Destination, AddressesThatCannotBeAreRefusedBeforeItIsTouched) {
  start();
  for (const char* wrong : {"tcp:0.0.0.0:4455", "tcp:::1:4455", "tcp:[::]:4455", "tcp:127.0.0.1",
                            "tcp:127.0.0.1:0", "tcp:127.0.0.1:70000"}) {
    const Finished run = run_godwit(migrate_to(wrong, {"--technique", "precopy"}));
    ASSERT_EQ(run.status, 2) << wrong << run.out << run.err;
    expect_destination_untouched();
  }
  expect_completed(run_godwit(migrate({"--technique", "precopy"})));
}

/// Behind NAT, or on every address of its host.
TEST_F(Destination, ListensAtOneAddressAndIsReachedByAnother) {
  start();
  const std::string listens = pair().stream().substr(pair().stream().rfind(':') + 1);
  const std::string reached = std::to_string(free_port());
  const Forwarder translated({Route{{reached}, {listens}}});
  const Finished run = run_godwit(migrate_to(
      "tcp:0.0.0.0:" + listens + ",connect=127.0.0.1:" + reached, {"--technique", "precopy"}));
  expect_completed(run);
  EXPECT_GT(translated.forwarded(), 10'000'000) << "the stream went that way";
}

/// A full backlog answers a SYN as a firewall that drops it does.
TEST_F(Destination, AFirewallIsSaidWithTheAddressThatWasTried) {
  start();
  const int port = free_port();
  const UniqueFd wall = listener(port, 0);
  const sockaddr_in address = loopback(port);
  std::vector<UniqueFd> fill;
  for (int i = 0; i < 3; ++i) {
    fill.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    (void)::connect(fill.back().get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  }
  const Finished run = run_godwit(migrate_to(
      fmt::format("{},connect=127.0.0.1:{}", pair().stream(), port), {"--technique", "precopy"}));
  EXPECT_EQ(run.status, 1) << run.out << run.err;
  EXPECT_SAYS(run, fmt::format("127.0.0.1:{}", port));
  EXPECT_SAYS(run, "connection");
  EXPECT_EQ(outcome_of(run).at("vm_runs_on"), "source");
  expect_runs_only(Side::kSource);
  expect_as_before(Side::kSource);
}

TEST_F(Destination, OneThatListensAlreadyIsUsed) {
  PairSetup setup;
  setup.incoming = "{stream}";
  start(setup);
  expect_completed(run_godwit(migrate({"--technique", "precopy"})));
}

TEST_F(Destination, IsReachedByIpv6) {
  start();
  expect_completed(
      run_godwit(migrate_to(fmt::format("tcp:[::1]:{}", free_port()), {"--technique", "precopy"})));
}

}  // namespace
}  // namespace godwit::e2e
