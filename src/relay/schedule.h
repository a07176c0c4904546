#pragma once

#include <map>
#include <optional>

#include "godwit/base/clock.h"
#include "godwit/base/units.h"
#include "token_bucket.h"

namespace godwit::relay {

/// Whose turn it is to send: channels share their path's rate equally, paths share the link by
/// weight, and no path and not the link carries more than its rate.
///
/// Both levels are start-time fair queueing (Goyal, Vin, Cheng: "Start-time Fair Queuing", SIGCOMM
/// 1996). Each member has a tag, its bytes sent by its weight; the least tag among those that are
/// ready is next; and virtual time is the tag that was served last. A member that was not ready is
/// brought up to virtual time less a credit. A channel that sends seldom is therefore always next:
/// requested pages on a channel of their own wait for one turn of bulk data at most.
///
/// Work-conserving: while one is ready and its rates allow it, somebody's turn it is. Pure: time is
/// handed in and never goes back.
class Schedule {
 public:
  using PathId = int;
  using ChannelId = int;
  struct Turn {
    ChannelId channel = 0;
    Bytes most{};
  };

  explicit Schedule(std::optional<BytesPerSecond> link) : link_(link) {}

  void set_link(std::optional<BytesPerSecond> rate) { link_.set_rate(rate); }
  void add_path(PathId path, std::optional<BytesPerSecond> rate, double weight);
  void remove_path(PathId path);  ///< it has no channel any more
  void set_rate(PathId path, std::optional<BytesPerSecond> rate);
  void add_channel(PathId path, ChannelId channel);
  void remove_channel(ChannelId channel);
  /// Whether the channel has something to send, and room to send it to.
  void set_ready(ChannelId channel, bool ready);

  /// Who may send, and how much; nothing when nobody is ready or no rate allows it yet.
  [[nodiscard]] std::optional<Turn> next(TimePoint now);
  /// What a turn came to: at most `most`.
  void carried(ChannelId channel, Bytes bytes);
  /// When next() may give a turn where it gave none for a rate's sake.
  [[nodiscard]] std::optional<TimePoint> opens_at() const;

 private:
  struct Channel {
    PathId path = 0;
    double tag = 0;
    bool ready = false;
  };
  struct Path {
    TokenBucket bucket;
    double weight = 1;
    double tag = 0;
    double virtual_time = 0;  ///< among its channels
  };
  [[nodiscard]] bool any_ready(PathId path) const;

  TokenBucket link_;
  double virtual_time_ = 0;  ///< among paths
  std::map<PathId, Path> paths_;
  std::map<ChannelId, Channel> channels_;
};

}  // namespace godwit::relay
