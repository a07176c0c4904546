#include "godwit/relay/relay.h"

#include <fmt/format.h>

#include <utility>

#include "private_folder.h"
#include "relay_loop.h"
#include "sockets.h"

namespace godwit::relay {
namespace {

constexpr BytesPerSecond kLeastRate{100e3};

Result<void> validate_rate(const std::optional<BytesPerSecond>& rate) {
  if (!rate || *rate >= kLeastRate) return {};
  return fail(ErrorCode::kBadInput,
              fmt::format("a rate of {:.0f} bytes/s cannot be kept", rate->value()),
              "give at least 100kB/s");
}

Result<void> validate_weight(double weight) {
  if (weight > 0) return {};
  return fail(ErrorCode::kBadInput, fmt::format("a weight of {}", weight), "give more than 0");
}

Result<void> validate(const PathOptions& options) {
  GODWIT_CHECK_OK(validate_rate(options.rate));
  GODWIT_CHECK_OK(validate_weight(options.weight));
  if (options.queue > Seconds(0) && options.round_trip >= Seconds(0)) return {};
  return fail(ErrorCode::kBadInput, "a queue of no time, or a round trip of less than none");
}

}  // namespace

Result<std::unique_ptr<Relay>> Relay::start(Clock& clock, std::optional<BytesPerSecond> link) {
  GODWIT_CHECK_OK(validate_rate(link));
  GODWIT_TRY(auto loop, RelayLoop::start(clock, link));
  return std::unique_ptr<Relay>(new Relay(std::move(loop)));
}

Result<std::unique_ptr<RelayedPath>> Relay::open(const TcpAddress& destination,
                                                 const PathOptions& options) {
  GODWIT_CHECK_OK(validate(options));
  GODWIT_TRY(auto addresses, resolve(destination));
  Path::Ends ends{{}, UniqueFd(), std::move(addresses), uri_of(destination)};
  std::string uri;
  if (options.local_port) {
    uri = uri_of({"127.0.0.1", *options.local_port});
    GODWIT_TRY(ends.listening, listen_at_port(*options.local_port));
  } else {
    GODWIT_TRY(auto folder, PrivateFolder::make(options.qemu_user));
    ends.folder.emplace(std::move(folder));
    GODWIT_TRY(ends.listening, listen_at(ends.folder->socket_path(), options.qemu_user));
    uri = "unix:" + ends.folder->socket_path();
  }
  GODWIT_TRY(const int id, loop_->call([&] { return loop_->add_path(std::move(ends), options); }));
  return std::make_unique<RelayedPath>(loop_, id, std::move(uri));
}

Result<void> Relay::set_link(std::optional<BytesPerSecond> rate) {
  GODWIT_CHECK_OK(validate_rate(rate));
  loop_->call([&] { loop_->schedule().set_link(rate); });
  return {};
}

RelayedPath::RelayedPath(std::shared_ptr<RelayLoop> loop, int id, std::string uri)
    : loop_(std::move(loop)), id_(id), uri_(std::move(uri)) {}

RelayedPath::~RelayedPath() {
  loop_->call([this] { loop_->remove_path(id_); });
}

Result<UniqueFd> RelayedPath::connect() {
  GODWIT_TRY(SocketPair pair, connected_pair());
  loop_->call([&] { loop_->path(id_).take(std::move(pair.ours), pair.theirs); });
  return std::move(pair.theirs);
}

Result<void> RelayedPath::set_rate(std::optional<BytesPerSecond> rate) {
  GODWIT_CHECK_OK(validate_rate(rate));
  loop_->call([&] {
    loop_->schedule().set_rate(id_, rate);
    loop_->path(id_).set_rate(rate);
  });
  return {};
}

PathStats RelayedPath::stats() const {
  return loop_->call([this] { return loop_->path(id_).stats(); });
}

std::vector<Bytes> RelayedPath::throughput(Seconds window) const {
  return loop_->call([&] { return loop_->path(id_).throughput(window, loop_->now()); });
}

void RelayedPath::cut() {
  loop_->call([this] { loop_->path(id_).cut(); });
}

}  // namespace godwit::relay
