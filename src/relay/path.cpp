#include "path.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>
#include <system_error>

namespace godwit::relay {
namespace {

/// Where no rate was asked for, the link's is the most that was delivered between two looks; it
/// fades by half in 7 s, as a sender that pauses does not make the link slower.
constexpr Ratio kFades{0.99};
/// With less than that a socket sends in crumbs.
constexpr Bytes kLeastUnsent = 16_KiB;

}  // namespace

Result<std::unique_ptr<Path>> Path::make(Ends ends, const PathOptions& options, int id,
                                         const Within& within, TimePoint now) {
  std::unique_ptr<Path> path(new Path(std::move(ends), options, id, within, now));
  if (!within.epoll.add(path->listener_)) return fail(errno_error("waiting on a socket", errno));
  return path;
}

Path::Path(Ends ends, const PathOptions& options, int id, const Within& within, TimePoint now)
    : ends_(std::move(ends)),
      options_(options),
      id_(id),
      within_(within),
      listener_(std::move(ends_.listening)),
      meter_(now),
      looked_at_(now) {}

void Path::take(UniqueFd source, const UniqueFd& other_end) {
  const BytesPerSecond rate = options_.rate.value_or(BytesPerSecond(0));
  bound_unix_queue(other_end, std::max(kLeastUnsent, rate * options_.queue));
  openings_.push_back({std::move(source)});
}

bool Path::progress(TimePoint now) {
  take_connections();
  open_next();
  bool more = false;
  for (auto& [id, channel] : channels_) {
    const Carried before = carried(*channel);
    more = channel->pump(now) || more;
    account(*channel, before, now);
    within_.schedule.set_ready(id, !channel->over() && channel->forward().ready());
  }
  return more;
}

void Path::take_connections() {
  while (listener_.readable) {
    UniqueFd source(::accept4(listener_.fd.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (source.valid()) {
      openings_.push_back({std::move(source)});
    } else if (errno == EAGAIN) {
      listener_.readable = false;
    } else {
      return note_failure(errno_error("taking a connection of QEMU's", errno));
    }
  }
}

/// One after the other, so that they arrive in their order.
void Path::open_next() {
  while (!openings_.empty() && advance(openings_.front())) openings_.pop_front();
}

bool Path::advance(Opening& opening) {
  if (!opening.destination) return try_next_address(opening);
  if (!opening.destination->writable) return false;
  const int error = error_of(opening.destination->fd.get());
  if (error == 0) {
    add_channel(std::move(opening));
    return true;
  }
  note_failure({ErrorCode::kPeerGone,
                fmt::format("connecting to {}: {}", ends_.destination_name,
                            std::system_category().message(error)),
                "check that the destination listens there and that the network leads to it"});
  return try_next_address(opening);
}

/// True when there is none left: QEMU then sees its connection break.
bool Path::try_next_address(Opening& opening) {
  while (opening.tried < ends_.destination.size()) {
    auto socket = begin_connect(ends_.destination[opening.tried++]);
    if (!socket) {
      note_failure(socket.error().while_doing(ends_.destination_name));
      continue;
    }
    opening.destination = std::make_unique<Endpoint>(std::move(*socket));
    if (within_.epoll.add(*opening.destination)) return false;
    note_failure(errno_error("waiting on a socket", errno));
  }
  return true;
}

void Path::add_channel(Opening opening) {
  auto source = std::make_unique<Endpoint>(std::move(opening.source));
  if (!within_.epoll.add(*source)) return note_failure(errno_error("waiting on a socket", errno));
  auto channel =
      Channel::make(std::move(source), std::move(opening.destination), options_.round_trip / 2);
  if (!channel) return note_failure(channel.error());
  const Schedule::ChannelId id = ++within_.last_channel;
  channels_.emplace(id, std::move(*channel));
  within_.schedule.add_channel(id_, id);
  ++totals_.channels_opened;
}

void Path::turn(const Schedule::Turn& turn, TimePoint now) {
  Channel& channel = *channels_.at(turn.channel);
  const Carried before = carried(channel);
  const Bytes most = std::min(turn.most, most_a_turn_);
  within_.schedule.carried(turn.channel, channel.forward().turn(most, now));
  account(channel, before, now);
  within_.schedule.set_ready(turn.channel, !channel.over() && channel.forward().ready());
}

void Path::account(const Channel& channel, const Carried& before, TimePoint now) {
  const Carried after = carried(channel);
  totals_.to_destination += after.there - before.there;
  totals_.to_source += after.back - before.back;
  if (after.there > before.there) meter_.add(now, after.there - before.there);
}

void Path::remove_ended() {
  for (auto at = channels_.begin(); at != channels_.end();) {
    const auto one = at++;
    if (!one->second->over()) continue;
    if (const auto failure = one->second->failure()) note_failure(*failure);
    within_.schedule.remove_channel(one->first);
    channels_.erase(one);
  }
}

void Path::bound_queues(TimePoint now) {
  note_delivery(now);
  const BytesPerSecond rate = options_.rate.value_or(fastest_);
  if (channels_.empty() || rate.value() == 0) return;  // else nothing is known yet
  // For each channel, not shared out: a part of it is empty before the other host's words come
  // back, and the path loses its share of the link while all of its channels wait for them.
  const Bytes unsent = std::max(kLeastUnsent, rate * options_.queue);
  most_a_turn_ = unsent;
  for (const auto& [id, channel] : channels_) {
    const int socket = channel->destination();
    bound_send_queue(socket, unsent, unsent + rate * round_trip(socket));
  }
}

/// What the other host has acknowledged since the last look: what was handed to the kernel is more
/// than the link carries as long as the queue grows.
void Path::note_delivery(TimePoint now) {
  Bytes delivered = totals_.to_destination;
  for (const auto& [id, channel] : channels_) delivered -= unacknowledged(channel->destination());
  const BytesPerSecond rate = (delivered - delivered_) / (now - looked_at_);
  fastest_ = std::max(rate, fastest_ * kFades);
  delivered_ = delivered;
  looked_at_ = now;
}

std::optional<TimePoint> Path::next_due() const {
  std::optional<TimePoint> earliest;
  for (const auto& [id, channel] : channels_) {
    const auto due = channel->next_due();
    if (due && (!earliest || *due < *earliest)) earliest = due;
  }
  return earliest;
}

void Path::cut() {
  openings_.clear();
  for (const auto& [id, channel] : channels_) within_.schedule.remove_channel(id);
  channels_.clear();
}

PathStats Path::stats() const {
  PathStats stats = totals_;
  stats.channels = static_cast<int>(channels_.size());
  for (const auto& [id, channel] : channels_) stats.queued += channel->queued();
  return stats;
}

void Path::note_failure(const Error& error) {
  if (!totals_.failure) totals_.failure = error;
}

}  // namespace godwit::relay
