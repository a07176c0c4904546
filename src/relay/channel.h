#pragma once

#include <memory>
#include <optional>

#include "endpoint.h"
#include "flow.h"
#include "godwit/base/clock.h"
#include "godwit/base/error.h"
#include "godwit/base/units.h"

namespace godwit::relay {

/// One connection of QEMU's and its counterpart to the destination. What happens to one happens to
/// the other: a side that closes its direction closes it there, once all that it sent has arrived;
/// a connection that breaks breaks the other at once. Of the relay's thread.
class Channel {
 public:
  /// Both are connected. `one_way`: the delay of each direction.
  static Result<std::unique_ptr<Channel>> make(std::unique_ptr<Endpoint> source,
                                               std::unique_ptr<Endpoint> destination,
                                               Seconds one_way);
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;
  ~Channel();

  [[nodiscard]] Flow& forward() { return *forward_; }
  [[nodiscard]] const Flow& forward() const { return *forward_; }
  [[nodiscard]] const Flow& back() const { return *back_; }
  [[nodiscard]] int destination() const { return destination_->fd.get(); }

  /// Does what needs no turn: the way back, and what has fallen due. True when there is more to do.
  bool pump(TimePoint now);
  /// Nothing is left to carry; or it broke, and `failure` says how.
  [[nodiscard]] bool over() const { return broken() || finished(); }
  [[nodiscard]] std::optional<Error> failure() const;
  [[nodiscard]] std::optional<TimePoint> next_due() const;
  /// From QEMU's socket to the destination's acknowledgement.
  [[nodiscard]] Bytes queued() const;

 private:
  Channel(std::unique_ptr<Endpoint> source, std::unique_ptr<Endpoint> destination);
  [[nodiscard]] bool broken() const;
  [[nodiscard]] bool finished() const;
  void discard_back();

  std::unique_ptr<Endpoint> source_;
  std::unique_ptr<Endpoint> destination_;
  std::unique_ptr<Flow> forward_;
  std::unique_ptr<Flow> back_;
  std::optional<int> lost_destination_;  ///< errno
  bool destination_closed_ = false;      ///< seen while its words were discarded
};

}  // namespace godwit::relay
