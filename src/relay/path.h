#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "channel.h"
#include "endpoint.h"
#include "godwit/base/clock.h"
#include "godwit/relay/relay.h"
#include "private_folder.h"
#include "schedule.h"
#include "sockets.h"
#include "throughput_meter.h"

namespace godwit::relay {

/// A path as the relay's thread has it: takes connections, opens their counterparts in order, and
/// keeps its channels in the schedule.
class Path {
 public:
  struct Ends {
    std::optional<PrivateFolder> folder;  ///< of the UNIX socket
    UniqueFd listening;
    std::vector<SocketAddress> destination;
    std::string destination_name;
  };
  /// `schedule` has the path already, as `id`; `last_channel` numbers channels over all paths.
  struct Within {
    const Epoll& epoll;
    Schedule& schedule;
    Schedule::ChannelId& last_channel;
  };

  /// Errors from the kernel.
  static Result<std::unique_ptr<Path>> make(Ends ends, const PathOptions& options, int id,
                                            const Within& within, TimePoint now);

  /// A connection that QEMU has, or gets, the other end of; bounds what waits in it.
  void take(UniqueFd source, const UniqueFd& other_end);
  /// Takes what connected, goes on connecting, carries what needs no turn, and says who is ready.
  /// True when there is more to do at once.
  bool progress(TimePoint now);
  [[nodiscard]] bool has(Schedule::ChannelId channel) const { return channels_.count(channel) > 0; }
  /// A turn of one of its channels; what it came to is told to the schedule.
  void turn(const Schedule::Turn& turn, TimePoint now);
  /// Removes channels that are over.
  void remove_ended();
  /// Bounds the senders' queues by what is carried now.
  void bound_queues(TimePoint now);

  [[nodiscard]] std::optional<TimePoint> next_due() const;
  [[nodiscard]] bool idle() const { return channels_.empty(); }
  void set_rate(std::optional<BytesPerSecond> rate) { options_.rate = rate; }
  void cut();
  [[nodiscard]] PathStats stats() const;
  [[nodiscard]] std::vector<Bytes> throughput(Seconds window, TimePoint now) const {
    return meter_.last(window, now);
  }

 private:
  /// A connection of QEMU's that waits for its counterpart.
  struct Opening {
    UniqueFd source;
    std::unique_ptr<Endpoint> destination{};  ///< absent before the first try
    std::size_t tried = 0;                    ///< of the destination's addresses
  };

  Path(Ends ends, const PathOptions& options, int id, const Within& within, TimePoint now);
  void take_connections();
  void open_next();
  /// True once that one is open, or has failed.
  bool advance(Opening& opening);
  bool try_next_address(Opening& opening);
  void add_channel(Opening opening);
  void note_delivery(TimePoint now);
  void note_failure(const Error& error);
  /// Adds to totals and the meter what `channel` carried since `before`.
  struct Carried {
    Bytes there{};
    Bytes back{};
  };
  static Carried carried(const Channel& channel) {
    return {channel.forward().given(), channel.back().given()};
  }
  void account(const Channel& channel, const Carried& before, TimePoint now);

  Ends ends_;
  PathOptions options_;
  int id_;
  Within within_;
  Endpoint listener_;
  std::deque<Opening> openings_;
  std::map<Schedule::ChannelId, std::unique_ptr<Channel>> channels_;
  ThroughputMeter meter_;
  Bytes most_a_turn_ = kMostBytes;  ///< so that no more waits here than in the sender's queue
  TimePoint looked_at_;
  Bytes delivered_{};         ///< at the last look
  BytesPerSecond fastest_{};  ///< that was delivered of late
  PathStats totals_;
};

}  // namespace godwit::relay
