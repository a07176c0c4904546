#include "relayed_stream.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <sys/stat.h>

#include <cerrno>
#include <thread>
#include <utility>

#include "godwit/base/unique_fd.h"
#include "godwit/domain/address.h"
#include "godwit/relay/relay.h"

namespace godwit::engine {
namespace {

class RelayedStream final : public pair::StreamCarrier {
 public:
  RelayedStream(std::unique_ptr<relay::Relay> relay, std::unique_ptr<relay::RelayedPath> path)
      : relay_(std::move(relay)), path_(std::move(path)) {}

  [[nodiscard]] std::string uri() const override { return path_->uri(); }
  Result<void> set_rate(std::optional<BytesPerSecond> rate) override {
    return path_->set_rate(rate);
  }
  [[nodiscard]] std::optional<Error> failure() const override { return path_->stats().failure; }

 private:
  std::unique_ptr<relay::Relay> relay_;
  std::unique_ptr<relay::RelayedPath> path_;
};

Result<std::unique_ptr<pair::StreamCarrier>> start_relay(Clock& clock,
                                                         const TcpAddress& destination,
                                                         uid_t qemu_user) {
  GODWIT_TRY(auto relay, relay::Relay::start(clock));
  relay::PathOptions options;
  options.qemu_user = qemu_user;
  GODWIT_TRY(auto path, relay->open(destination, options));
  return std::unique_ptr<pair::StreamCarrier>(
      std::make_unique<RelayedStream>(std::move(relay), std::move(path)));
}

/// The relay's own thread stays in the namespace of the thread that starts it.
Result<std::unique_ptr<pair::StreamCarrier>> start_in(const std::string& netns, Clock& clock,
                                                      const TcpAddress& destination,
                                                      uid_t qemu_user) {
  const UniqueFd space(::open(netns.c_str(), O_RDONLY | O_CLOEXEC));
  if (!space.valid()) return fail(errno_error("opening " + netns, errno));
  Result<std::unique_ptr<pair::StreamCarrier>> started =
      fail(ErrorCode::kInternal, "the relay was not started");
  std::thread([&] {
    if (::setns(space.get(), CLONE_NEWNET) != 0) {
      started = fail(errno_error("entering the network of the VM's process", errno));
    } else {
      started = start_relay(clock, destination, qemu_user);
    }
  }).join();
  return started;
}

bool is_this_network(const struct stat& other) {
  struct stat mine {};
  return ::stat("/proc/thread-self/ns/net", &mine) == 0 && mine.st_dev == other.st_dev &&
         mine.st_ino == other.st_ino;
}

}  // namespace

Result<std::unique_ptr<pair::StreamCarrier>> relay_stream(Clock& clock, const VmDescription& source,
                                                          const std::string& stream) {
  const auto destination = tcp_address_of(stream);
  if (!destination) {
    return fail(ErrorCode::kBadInput, fmt::format("a relay carries TCP, and {} is none", stream),
                "name the destination by tcp:ADDRESS:PORT, or migrate without a relay");
  }
  if (source.pid == 0) {
    return fail(ErrorCode::kUnsupported,
                "a relay must run beside the VM, whose process can't be seen from here",
                "run godwit on the VM's host, or migrate without a relay");
  }
  struct stat process {};
  struct stat network {};
  const std::string proc = fmt::format("/proc/{}", source.pid);
  const std::string netns = proc + "/ns/net";
  if (::stat(proc.c_str(), &process) != 0 || ::stat(netns.c_str(), &network) != 0) {
    return fail(errno_error("looking at the VM's process", errno));
  }
  if (is_this_network(network)) return start_relay(clock, *destination, process.st_uid);
  return start_in(netns, clock, *destination, process.st_uid);
}

}  // namespace godwit::engine
