#pragma once

#include <sys/types.h>

#include <cstdint>
#include <deque>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "godwit/base/clock.h"
#include "godwit/base/error.h"
#include "godwit/base/json.h"
#include "godwit/base/unique_fd.h"
#include "godwit/qmp/framing.h"

namespace godwit::qmp {

/// Something that QEMU said by itself.
struct QmpEvent {
  std::string name;
  Json data = Json::object();
  std::int64_t wall_us = 0;  ///< QEMU's own timestamp, microseconds since 1970; 0 if it has none
};

/// A command that QEMU understood and did not carry out.
struct QmpRefusal {
  std::string error_class;  ///< "GenericError", "CommandNotFound", …
  std::string description;
};

/// One connection to a QMP monitor. QEMU serves one client at a time, so while this lives nobody
/// else is served on that socket. Not thread-safe.
///
/// Errors of all calls: kTimeout; kPeerGone when QEMU closed the connection or ended; kProtocol
/// when it said what QMP does not allow. After the last two the connection is dead and says so each
/// time; events that came before are still handed out.
class QmpClient {
 public:
  /// Connects, awaits the greeting, negotiates. kBadInput: the path is no socket. kNotFound: no
  /// such file, or nobody listens on it any more. kBusy: connected, but not greeted until
  /// `deadline`, as happens when another client holds the monitor. kProtocol: greeted with
  /// something else.
  static Result<QmpClient> connect(const std::string& path, Clock& clock, TimePoint deadline);

  /// Carries a command out and returns what it returned. kRefused with QEMU's reason;
  /// kUnsupported when this QEMU does not know the command. After kTimeout the command may still
  /// have been carried out; a late reply is dropped.
  Result<Json> execute(std::string_view command, const Json& arguments, TimePoint deadline);
  /// The same for one of the few commands that QEMU carries out beside its main loop, where that is
  /// stuck (migrate-pause, yank). In its turn where this QEMU offers no such way.
  Result<Json> execute_out_of_band(std::string_view command, const Json& arguments,
                                   TimePoint deadline);
  /// As execute, handing an open file descriptor to QEMU (for `getfd`); the caller keeps its own.
  Result<Json> execute_with_fd(std::string_view command, const Json& arguments, int fd,
                               TimePoint deadline);

  /// The next event in the order of arrival, or nothing when `deadline` passes.
  Result<std::optional<QmpEvent>> next_event(TimePoint deadline);

  /// Nothing goes over this connection any more: each call ends with `why`.
  void close(const Error& why) {
    broken_ = why;
    socket_.reset();
  }

  /// The process that listens on the socket, from the kernel; 0 where it cannot be known (it lives
  /// in a process namespace that is not ours).
  [[nodiscard]] std::int64_t peer_pid() const { return peer_pid_; }
  /// The connection itself, for who shows it to another process; -1 once it was closed.
  [[nodiscard]] int socket() const { return socket_.get(); }

 private:
  QmpClient(UniqueFd socket, std::string path, Clock& clock);

  Result<void> await_greeting(TimePoint deadline);
  Result<Json> run(std::string_view verb, std::string_view command, const Json& arguments, int fd,
                   TimePoint deadline);
  Result<void> send(std::string_view bytes, int fd, TimePoint deadline);
  Result<std::optional<Json>> take_reply(std::string_view command, std::int64_t id);
  Result<bool> receive(TimePoint deadline);
  Result<bool> wait_for(short what, TimePoint deadline);
  tl::unexpected<Error> broken(Error error);  ///< from now on every call ends with it

  UniqueFd socket_;
  std::string path_;
  Clock* clock_;
  std::int64_t peer_pid_ = 0;
  uid_t peer_uid_ = 0;
  bool oob_ = false;
  MessageSplitter lines_;
  std::deque<QmpEvent> events_;
  std::set<std::int64_t> abandoned_;  ///< commands that timed out and may still be answered
  std::int64_t last_id_ = 0;
  std::optional<Error> broken_;
};

}  // namespace godwit::qmp
