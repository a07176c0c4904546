#pragma once

#include <memory>
#include <thread>

#include "godwit/base/error.h"
#include "godwit/base/unique_fd.h"

namespace godwit::qemu {

/// A socket pair whose one end is given away and whose other end is read by a thread that throws
/// away whatever comes, until this object ends. A socket rather than a pipe: QEMU's switchover-ack
/// wants a way back, and its migrate_cancel shuts a socket down instead of waiting for a write.
class StreamSink {
 public:
  static Result<std::unique_ptr<StreamSink>> open();
  StreamSink(const StreamSink&) = delete;
  StreamSink& operator=(const StreamSink&) = delete;
  ~StreamSink();

  [[nodiscard]] int their_end() const { return theirs_.get(); }
  /// The other process has a copy of its own: from now on the stream ends when that one does.
  void forget_their_end() { theirs_.reset(); }

 private:
  StreamSink(UniqueFd ours, UniqueFd theirs);

  UniqueFd ours_;
  UniqueFd theirs_;
  std::thread reader_;  // last: everything above exists before it runs
};

}  // namespace godwit::qemu
