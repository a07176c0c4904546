#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "forwarder.h"
#include "godwit/base/clock.h"
#include "godwit/lab/guest_report.h"
#include "godwit/qmp/qmp_client.h"
#include "godwit_program.h"
#include "guest_watch.h"
#include "patience.h"
#include "start_program.h"

namespace godwit::e2e {

/// What lies between the two QEMUs.
enum class Between {
  kNothing,    ///< one host
  kForwarder,  ///< hosts of their own, on which 127.0.0.1 leads through a forwarder to the other
  kCable,      ///< hosts of their own with a cable, which can be pulled
};

/// How a pair is started. Of options given twice QEMU takes the last, so `both`, `source` and
/// `destination` override what stands here. In them, {folder} is the pair's folder and {stream} the
/// stream's address.
struct PairSetup {
  std::string machine = "pc,hpet=off";
  bool guest = true;  ///< else its vCPU has nothing but the firmware to run
  std::string load = "memory-write,set=32MiB,rate=5MB/s,fill=32MiB";
  std::vector<std::string> both{};
  std::vector<std::string> source{};
  std::vector<std::string> destination{};
  std::string incoming = "defer";
  unsigned destination_user = 0;  ///< its uid and gid
  Between between = Between::kNothing;
  std::vector<int> inherit{};  ///< descriptors of this process that both get
  bool can_be_told = false;    ///< a network of its own, by which tell_guest() reaches the load
};

/// Two QEMUs that somebody else started, as strangers do. A guest with nothing outside of it boots
/// once for each command line, and is then restored from a file beside its image. Each has a
/// monitor for Godwit, one for the test (a person at the side) and one for the watch. Everything
/// ends with this object, and with the test's process however that ends, but for namespaces, which
/// the next pair removes.
class QemuPair {
 public:
  explicit QemuPair(const PairSetup& setup);
  ~QemuPair();
  QemuPair(const QemuPair&) = delete;
  QemuPair& operator=(const QemuPair&) = delete;

  // --- what Godwit is told ---
  [[nodiscard]] std::string source() const { return "qmp:" + monitor_[0]; }
  [[nodiscard]] std::string destination() const { return destination_at(stream_); }
  [[nodiscard]] std::string destination_at(const std::string& stream) const {
    return "qmp:" + monitor_[1] + "@" + stream;
  }
  [[nodiscard]] std::string file(const std::string& name) const { return folder_.file(name); }
  [[nodiscard]] std::string stream() const { return stream_; }

  // --- faults ---
  /// From now on Godwit reaches that side's monitor through a forwarder.
  Forwarder& forward_monitor(Side side);
  /// Both through one process.
  Forwarder& forward_monitors();
  /// The forwarder between the hosts: of the stream, and of what lies on the next ports.
  [[nodiscard]] Forwarder& wire() { return *wire_; }
  void pull_cable();
  void plug_cable();
  void kill(Side side);
  /// Sends a line to the guest's load: "poweroff".
  void tell_guest(Side side, const std::string& line);

  // --- the truth, from outside ---
  [[nodiscard]] GuestWatch& watch() { return *watch_; }
  /// By the person's monitor. Throws where that QEMU refuses; `try_ask` tells.
  Json ask(Side side, const std::string& command, const Json& arguments = Json::object());
  Result<Json> try_ask(Side side, const std::string& command,
                       const Json& arguments = Json::object());
  /// QEMU's word for its run state ("running", "postmigrate"); "silent" where it does not answer,
  /// "gone" where it ended.
  [[nodiscard]] std::string state(Side side);
  /// That of query-migrate ("none" if it never migrated), or as above.
  [[nodiscard]] std::string migration(Side side);
  /// Whether a migration from there was ever asked for.
  [[nodiscard]] bool has_migrated(Side side);
  /// Settings, block nodes, bitmaps, jobs and exports: what a migration may not leave changed. Not
  /// to be asked while a disk is being fetched (docs/adr/0012).
  [[nodiscard]] Json possessions(Side side);
  /// Those at the beginning.
  [[nodiscard]] const Json& possessed(Side side) const { return before_[index(side)]; }
  [[nodiscard]] std::int64_t work(Side side);
  [[nodiscard]] bool works_beyond(Side side, std::int64_t beyond);
  /// Return once it is so; throw if it never is.
  void await_sent(std::int64_t bytes);
  void await_migration(Side side, const std::string& status);
  /// Both sides of a post-copy notice a cut, each in its own time; a destination may be mute from
  /// then on.
  void await_split(Side side);
  void await_state(Side side, const std::string& state);
  template <class Seen>
  void await(const std::string& what, Seen seen);
  [[nodiscard]] std::string log(Side side) const;
  /// Of its QEMU; -1 once it was killed.
  [[nodiscard]] pid_t pid(Side side) const { return pid_[index(side)]; }
  /// Its vCPU threads, as QEMU numbers them.
  [[nodiscard]] std::vector<std::int64_t> vcpu_numbers(Side side);

 private:
  static std::size_t index(Side side) { return side == Side::kSource ? 0 : 1; }
  static const char* name(Side side) { return side == Side::kSource ? "src" : "dst"; }
  void lay_network(Between between);
  void remove_network() const;
  pid_t start(Side side, const PairSetup& setup, std::vector<std::string> words);
  [[nodiscard]] std::vector<std::string> command_line(Side side, const PairSetup& setup);
  void boot_once(const std::vector<std::string>& words, const PairSetup& setup,
                 const std::string& booted);
  void await_monitor(Side side);
  void await_guest();
  void make_ready(bool guest);

  RealClock clock_;
  TemporaryFolder folder_;
  std::string stream_;
  std::string netns_[2];
  std::string monitor_[2];
  int control_port_[2] = {0, 0};
  pid_t pid_[2] = {-1, -1};
  std::optional<qmp::QmpClient> person_[2];
  Json before_[2];
  std::unique_ptr<GuestWatch> watch_;
  std::unique_ptr<lab::LabGuestCheck> check_;
  std::unique_ptr<Forwarder> wire_;
  std::vector<std::unique_ptr<Forwarder>> forwarders_;
};

template <class Seen>
void QemuPair::await(const std::string& what, Seen seen) {
  if (!comes(clock_, seen)) throw std::runtime_error("it never came to this: " + what);
}

}  // namespace godwit::e2e
