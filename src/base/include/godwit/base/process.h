#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "godwit/base/clock.h"
#include "godwit/base/error.h"
#include "godwit/base/unique_fd.h"

namespace godwit {

/// A program's path: in $PATH, or in the system folders that ordinary users' $PATH lacks; a name
/// with a slash in it is a path already. Nothing when there is none that may be run.
std::optional<std::string> program_path(const std::string& name);

/// When a process started, in the kernel's clock ticks since boot; 0 when there is none. With its
/// number it names a process for ever.
std::int64_t process_start(std::int64_t pid);

/// The number of this process's process namespace (pid_namespaces(7)): in another one, other
/// processes have the same numbers. 0 when the kernel does not say.
std::uint64_t process_namespace();

/// Names the boot and the process namespace in which numbers of processes mean something.
std::string process_world();
/// Whether two of these are of one boot of one host.
bool same_boot(std::string_view world, std::string_view other);

/// The last line that is not blank: where programs put what went wrong.
std::string last_line(std::string_view text);

struct ProcessSpec {
  std::string program;                 ///< its path
  std::vector<std::string> arguments;  ///< its name first; never a shell's string
  int keep_open = -1;                  ///< a descriptor that it inherits besides stdout and stderr
  /// Of what it writes to either stream only so many of the newest bytes are kept.
  std::size_t most_kept = std::size_t{16} << 20;
};

/// How a process ended.
struct ProcessEnd {
  bool signalled = false;
  int number = 0;  ///< its exit status, or the signal
  [[nodiscard]] bool well() const { return !signalled && number == 0; }
};

/// A child process in a group of its own, so that Ctrl-C does not reach it and that it can be ended
/// with all that it started. Its stdin is empty. One thread drives it. Destroyed while it runs, it
/// is killed with its group; one that ended by itself may have left others running, on purpose.
class Process {
 public:
  enum class Seen { kEnded, kMatched, kDeadline, kStopped };

  /// In the calling thread's network namespace. kInternal, kPermission, kNotFound from the kernel.
  static Result<Process> start(const ProcessSpec& spec);
  Process(Process&& other) noexcept;
  Process& operator=(Process&&) = delete;
  ~Process();

  /// Takes in what it writes until it ends, has written `until` to stdout (empty: never looked
  /// for), the deadline passes or a stop is requested. May be called again.
  Seen follow(const Clock& clock, TimePoint deadline, const std::stop_token& stop,
              const std::string& until = {});
  /// Ends it and its group: asks with SIGTERM, and kills what is left after `grace`.
  void end_group(const Clock& clock, Seconds grace);

  [[nodiscard]] const std::optional<ProcessEnd>& end() const { return end_; }
  [[nodiscard]] const std::string& out() const { return out_; }
  [[nodiscard]] const std::string& err() const { return err_; }

 private:
  Process(pid_t pid, UniqueFd out, UniqueFd err, std::size_t most_kept);
  void take_in();
  void reap();
  void kill_group();

  pid_t pid_;  ///< 0 once reaped
  std::size_t most_kept_;
  UniqueFd pidfd_;
  UniqueFd out_end_;
  UniqueFd err_end_;
  std::string out_;
  std::string err_;
  std::optional<ProcessEnd> end_;
};

}  // namespace godwit
