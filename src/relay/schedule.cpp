#include "schedule.h"

#include <algorithm>

namespace godwit::relay {
namespace {

/// What a turn may carry: large where nothing is paced, for throughput; small where it is, as a
/// requested page waits for one.
constexpr Bytes kTurn = 256_KiB;
constexpr Bytes kPacedTurn = 32_KiB;
/// How far behind the others, in bytes by weight, one that comes back may begin: enough for a burst
/// of requested pages, and for a socket that was full for some milliseconds.
constexpr double kCredit = 256.0 * 1024;

/// The tag that counts: those that were away are brought up.
template <class Member>
double start_of(const Member& member, double virtual_time) {
  return std::max(member.tag, virtual_time - kCredit);
}

}  // namespace

void Schedule::add_path(PathId path, std::optional<BytesPerSecond> rate, double weight) {
  paths_.emplace(path, Path{TokenBucket(rate), weight});
}

void Schedule::remove_path(PathId path) {
  paths_.erase(path);
}

void Schedule::set_rate(PathId path, std::optional<BytesPerSecond> rate) {
  paths_.at(path).bucket.set_rate(rate);
}

void Schedule::add_channel(PathId path, ChannelId channel) {
  channels_.emplace(channel, Channel{path});
}

void Schedule::remove_channel(ChannelId channel) {
  channels_.erase(channel);
}

void Schedule::set_ready(ChannelId channel, bool ready) {
  channels_.at(channel).ready = ready;
}

bool Schedule::any_ready(PathId path) const {
  return std::any_of(channels_.begin(), channels_.end(), [path](const auto& one) {
    return one.second.path == path && one.second.ready;
  });
}

std::optional<Schedule::Turn> Schedule::next(TimePoint now) {
  link_.refill(now);
  Path* path = nullptr;
  PathId path_id = 0;
  for (auto& [id, one] : paths_) {
    one.bucket.refill(now);
    if (one.bucket.allowance() == Bytes(0) || !any_ready(id)) continue;
    if (path == nullptr || start_of(one, virtual_time_) < start_of(*path, virtual_time_)) {
      path = &one;
      path_id = id;
    }
  }
  if (path == nullptr || link_.allowance() == Bytes(0)) return std::nullopt;
  Channel* channel = nullptr;
  ChannelId channel_id = 0;
  for (auto& [id, one] : channels_) {
    if (one.path != path_id || !one.ready) continue;
    if (channel == nullptr ||
        start_of(one, path->virtual_time) < start_of(*channel, path->virtual_time)) {
      channel = &one;
      channel_id = id;
    }
  }
  path->tag = start_of(*path, virtual_time_);
  virtual_time_ = std::max(virtual_time_, path->tag);
  channel->tag = start_of(*channel, path->virtual_time);
  path->virtual_time = std::max(path->virtual_time, channel->tag);
  const bool paced = link_.limits() || path->bucket.limits();
  return Turn{channel_id,
              std::min({paced ? kPacedTurn : kTurn, link_.allowance(), path->bucket.allowance()})};
}

void Schedule::carried(ChannelId channel, Bytes bytes) {
  Channel& sender = channels_.at(channel);
  Path& path = paths_.at(sender.path);
  link_.take(bytes);
  path.bucket.take(bytes);
  sender.tag += bytes.as_double();
  path.tag += bytes.as_double() / path.weight;
}

std::optional<TimePoint> Schedule::opens_at() const {
  std::optional<TimePoint> earliest;
  for (const auto& [id, path] : paths_) {
    if (!any_ready(id)) continue;
    const TimePoint opens = std::max(path.bucket.opens_at().value_or(TimePoint{}),
                                     link_.opens_at().value_or(TimePoint{}));
    if (!earliest || opens < *earliest) earliest = opens;
  }
  return earliest;
}

}  // namespace godwit::relay
