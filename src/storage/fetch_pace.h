#pragma once

#include <optional>
#include <vector>

#include "godwit/base/clock.h"
#include "godwit/domain/disk_sharing.h"

namespace godwit::storage {

/// At what speed QEMU's job fetches a disk's rest so that the link carries what it may, and no
/// more.
///
/// The job knows nothing of the link. It copies a chunk (512 KiB) at a time, and waits for the
/// chunk's share of its speed, of a hole, too, which the link does not see. A chunk that takes
/// longer than 100 ms to come, as over less than 5 MB/s, is no part of that wait: it comes on top,
/// and on a line of that very speed the job gets half of it (QEMU 10.0: block/stream.c,
/// include/qemu/ratelimit.h, BLOCK_JOB_SLICE_TIME). So the speed is set anew each second: higher by
/// what chunks were seen to take beside their wait, and by the holes that come next. It is lifted
/// where the link is what holds the job. What the link carried too much of in one second, or too
/// little, is made up for in the next.
class FetchPace {
 public:
  /// Of one disk, in its order.
  explicit FetchPace(std::vector<AbsentRange> absent) : absent_(std::move(absent)) {}

  /// To be called again and again with how far the job has come, and what it may take of the link
  /// (> 0). True where the job's speed is to be changed.
  bool look(TimePoint now, Bytes position, BytesPerSecond most);
  /// Nothing: no limit.
  [[nodiscard]] std::optional<BytesPerSecond> speed() const { return speed_; }

 private:
  struct Seen {
    TimePoint at;
    Bytes position;
  };
  /// Of a part of the disk.
  struct Part {
    double copied = 0;  ///< bytes that the job copies
    double data = 0;    ///< of them, those that the link carries
  };

  [[nodiscard]] Part between(Bytes begin, Bytes end) const;
  [[nodiscard]] Part next_data(Bytes position, double bytes) const;
  void learn(double seconds, const Part& part);
  [[nodiscard]] std::optional<BytesPerSecond> speed_at(Bytes position, double rate) const;

  std::vector<AbsentRange> absent_;
  std::optional<Seen> seen_;
  std::optional<BytesPerSecond> speed_;
  double owed_ = 0;            ///< bytes that the link may carry beside its rate; < 0: fewer
  std::optional<double> own_;  ///< seconds that a byte of data takes beside its wait
  double own_time_ = 0;        ///< seen since then, of so many bytes
  double own_data_ = 0;
};

/// A job's speed is held for so long: some chunks even over 1 MB/s.
inline constexpr Seconds kPaceEvery{1};

}  // namespace godwit::storage
