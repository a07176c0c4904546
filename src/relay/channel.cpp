#include "channel.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "sockets.h"

namespace godwit::relay {
namespace {

constexpr Bytes kBackTurn = 64_KiB;
constexpr int kBackTurns = 16;  // at once, so that no channel keeps the others waiting

std::string reason(int error) {
  return error == 0 ? "closed" : std::system_category().message(error);
}

Result<std::unique_ptr<Flow>> make_flow(Endpoint& from, Endpoint& to, Seconds delay) {
  if (delay > Seconds(0)) return make_delayed_flow(from, to, delay);
  return make_spliced_flow(from, to);
}

}  // namespace

Result<std::unique_ptr<Channel>> Channel::make(std::unique_ptr<Endpoint> source,
                                               std::unique_ptr<Endpoint> destination,
                                               Seconds one_way) {
  std::unique_ptr<Channel> channel(new Channel(std::move(source), std::move(destination)));
  GODWIT_TRY(channel->forward_, make_flow(*channel->source_, *channel->destination_, one_way));
  GODWIT_TRY(channel->back_, make_flow(*channel->destination_, *channel->source_, one_way));
  return channel;
}

Channel::Channel(std::unique_ptr<Endpoint> source, std::unique_ptr<Endpoint> destination)
    : source_(std::move(source)), destination_(std::move(destination)) {}

Channel::~Channel() {
  const bool well = forward_ && back_ && finished() && !broken();
  if (!well) reset_on_close(destination_->fd.get());
}

bool Channel::pump(TimePoint now) {
  int turns = 0;
  while (back_->ready() && turns < kBackTurns) {
    (void)back_->turn(kBackTurn, now);
    ++turns;
  }
  back_->deliver(now);
  forward_->deliver(now);
  if (back_->end() == Flow::End::kBroken) discard_back();
  // Its last words have been passed on above. After both sides closed theirs, a hang-up is no loss.
  if (destination_->hung_up && forward_->end() == Flow::End::kNone && !lost_destination_) {
    lost_destination_ = error_of(destination_->fd.get());
  }
  return turns == kBackTurns;
}

/// QEMU reads nothing more, but the last of what it sent may still be under way. Closing with
/// unread words of the destination's would reset the connection under it.
void Channel::discard_back() {
  std::array<char, 4096> words;  // NOLINT(*-member-init): recv fills it
  while (destination_->readable && !destination_closed_) {
    const ssize_t got = ::recv(destination_->fd.get(), words.data(), words.size(), 0);
    if (got < 0 && errno == EAGAIN) {
      destination_->readable = false;
    } else if (got <= 0) {
      destination_closed_ = true;
    }
  }
}

bool Channel::broken() const {
  return lost_destination_ || forward_->end() == Flow::End::kBroken ||
         forward_->end() == Flow::End::kAborted || back_->end() == Flow::End::kAborted;
}

bool Channel::finished() const {
  return forward_->end() == Flow::End::kClosed &&
         (back_->end() == Flow::End::kClosed || destination_closed_);
}

std::optional<Error> Channel::failure() const {
  if (!broken()) return std::nullopt;
  if (forward_->end() == Flow::End::kAborted) {
    return Error{ErrorCode::kPeerGone, "QEMU's connection: " + reason(forward_->error()), {}};
  }
  const int error = forward_->error() != 0 ? forward_->error()
                    : back_->error() != 0  ? back_->error()
                                           : lost_destination_.value_or(0);
  return Error{ErrorCode::kPeerGone, "the connection to the destination: " + reason(error), {}};
}

std::optional<TimePoint> Channel::next_due() const {
  const auto there = forward_->next_due();
  const auto back = back_->next_due();
  return there && back ? std::min(*there, *back) : there ? there : back;
}

Bytes Channel::queued() const {
  return readable(source_->fd.get()) + forward_->held() + unacknowledged(destination());
}

}  // namespace godwit::relay
