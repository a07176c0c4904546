#include "relayed_stream.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <thread>
#include <utility>

#include "godwit/base/unique_fd.h"
#include "godwit/domain/address.h"
#include "godwit/relay/relay.h"

namespace godwit::opener {
namespace {

class RelayedStream final : public StreamCarrier {
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

/// By which relayed migrations of libvirt's go: of the ports that its destinations use
/// (migration_port_min and migration_port_max of qemu.conf) the upper half, as they take their own
/// from the lowest up.
constexpr int kFirstLibvirtPort = 49184;
constexpr int kLibvirtPorts = 32;

/// What a path begins with.
struct Way {
  TcpAddress destination;
  relay::PathOptions options;
};

Result<std::unique_ptr<StreamCarrier>> start_relay(Clock& clock, const Way& way) {
  GODWIT_TRY(auto relay, relay::Relay::start(clock));
  GODWIT_TRY(auto path, relay->open(way.destination, way.options));
  return std::unique_ptr<StreamCarrier>(
      std::make_unique<RelayedStream>(std::move(relay), std::move(path)));
}

/// The relay's own thread stays in the namespace of the thread that starts it.
Result<std::unique_ptr<StreamCarrier>> start_in(const std::string& netns, Clock& clock,
                                                const Way& way) {
  const UniqueFd space(::open(netns.c_str(), O_RDONLY | O_CLOEXEC));
  if (!space.valid()) return fail(errno_error("opening " + netns, errno));
  Result<std::unique_ptr<StreamCarrier>> started =
      fail(ErrorCode::kInternal, "the relay was not started");
  std::thread([&] {
    if (::setns(space.get(), CLONE_NEWNET) != 0) {
      started = fail(errno_error("entering the network of the VM's process", errno));
    } else {
      started = start_relay(clock, way);
    }
  }).join();
  return started;
}

bool is_this_network(const struct stat& other) {
  struct stat mine {};
  return ::stat("/proc/thread-self/ns/net", &mine) == 0 && mine.st_dev == other.st_dev &&
         mine.st_ino == other.st_ino;
}

Result<TcpAddress> destination_of(const VmDescription& source, const std::string& stream) {
  const auto destination = tcp_address_of(stream);
  if (!destination) {
    return fail(ErrorCode::kBadInput,
                stream.empty() ? "a relay needs to know the destination's host"
                               : fmt::format("a relay carries TCP, and {} is none", stream),
                "name the destination by its host's address, or migrate without a relay");
  }
  if (source.pid != 0) return *destination;
  return fail(ErrorCode::kUnsupported,
              "a relay must run beside the VM, whose process can't be seen from here",
              "run godwit on the VM's host, or migrate without a relay");
}

Result<std::unique_ptr<StreamCarrier>> start_beside(const VmDescription& source, Clock& clock,
                                                    Way way) {
  struct stat process {};
  struct stat network {};
  const std::string proc = fmt::format("/proc/{}", source.pid);
  const std::string netns = proc + "/ns/net";
  if (::stat(proc.c_str(), &process) != 0 || ::stat(netns.c_str(), &network) != 0) {
    return fail(errno_error("looking at the VM's process", errno));
  }
  way.options.qemu_user = process.st_uid;
  return is_this_network(network) ? start_relay(clock, way) : start_in(netns, clock, way);
}

}  // namespace

Result<std::unique_ptr<StreamCarrier>> relay_stream(Clock& clock, const VmDescription& source,
                                                    const std::string& stream) {
  GODWIT_TRY(const TcpAddress destination, destination_of(source, stream));
  return start_beside(source, clock, {destination, {}});
}

Result<std::unique_ptr<StreamCarrier>> relay_stream_of_libvirt(Clock& clock,
                                                               const VmDescription& source,
                                                               const std::string& stream) {
  GODWIT_TRY(TcpAddress destination, destination_of(source, stream));
  Way way{std::move(destination), {}};
  Result<std::unique_ptr<StreamCarrier>> started = fail(ErrorCode::kBusy, "no port is free");
  const int first = static_cast<int>(::getpid()) % kLibvirtPorts;  // others begin with another one
  for (int i = 0; i < kLibvirtPorts && !started && started.error().code == ErrorCode::kBusy; ++i) {
    way.destination.port = kFirstLibvirtPort + (first + i) % kLibvirtPorts;
    way.options.local_port = way.destination.port;
    started = start_beside(source, clock, way);
  }
  return started;
}

}  // namespace godwit::opener
