#pragma once

#include <memory>
#include <optional>

#include "delay_line.h"
#include "endpoint.h"
#include "godwit/base/clock.h"
#include "godwit/base/error.h"
#include "godwit/base/units.h"

namespace godwit::relay {

/// One direction of a channel. It takes in no more than it can give out, so that whoever sends is
/// held back as by the connection itself. Of the relay's thread.
class Flow {
 public:
  enum class End {
    kNone,     ///< it goes on
    kClosed,   ///< the sender closed its side; all that it sent, and that, were passed on
    kAborted,  ///< the sender's connection broke; all that came was passed on
    kBroken,   ///< the receiver takes nothing more
  };

  Flow(Endpoint& from, Endpoint& to) : from_(from), to_(to) {}
  Flow(const Flow&) = delete;
  Flow& operator=(const Flow&) = delete;
  virtual ~Flow() = default;

  /// A turn would do something, as far as is known.
  [[nodiscard]] virtual bool ready() const = 0;
  /// Carries up to `most` (> 0) bytes; returns those that count against a rate.
  virtual Bytes turn(Bytes most, TimePoint now) = 0;
  /// Gives out what has fallen due by time alone.
  virtual void deliver(TimePoint now) = 0;
  [[nodiscard]] virtual std::optional<TimePoint> next_due() const = 0;
  /// Taken in and not given out.
  [[nodiscard]] virtual Bytes held() const = 0;

  [[nodiscard]] End end() const { return end_; }
  [[nodiscard]] int error() const { return error_; }    ///< errno that broke it; 0 for none
  [[nodiscard]] Bytes given() const { return given_; }  ///< to the receiver's socket, so far

 protected:
  /// The sender has nothing more; `error`: errno, 0 when it closed its side.
  void sender_ended(int error);
  [[nodiscard]] bool has_sender_ended() const { return sender_ended_; }
  void give(Bytes bytes) { given_ += bytes; }
  void receiver_broke(int error);
  /// Everything that came was given out: passes the end on.
  void pass_end_on();
  /// A call said "would block", or was interrupted, which is no error.
  static bool would_block(int error);

  Endpoint& from_;
  Endpoint& to_;

 private:
  bool sender_ended_ = false;
  int error_ = 0;
  End end_ = End::kNone;
  Bytes given_{};
};

/// Without a delay: by a pipe, so that bytes are not copied into this process.
Result<std::unique_ptr<Flow>> make_spliced_flow(Endpoint& from, Endpoint& to);
/// With one.
std::unique_ptr<Flow> make_delayed_flow(Endpoint& from, Endpoint& to, Seconds delay);

}  // namespace godwit::relay
