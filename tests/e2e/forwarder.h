#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace godwit::e2e {

/// One end of a forwarder: the path of a UNIX socket, or the number of a port of 127.0.0.1, in a
/// network namespace of its own where `netns` names one.
struct ForwardEnd {
  std::string address;
  std::string netns{};
};
struct Route {
  ForwardEnd listen;
  ForwardEnd connect;
};

/// A process that forwards connections, as `ssh -L` does, and that breaks in every way that those
/// do. "There" is the direction from who connected to what it is forwarded to.
class Forwarder {
 public:
  explicit Forwarder(std::vector<Route> routes);
  ~Forwarder();
  Forwarder(const Forwarder&) = delete;
  Forwarder& operator=(const Forwarder&) = delete;

  /// It ends at once, as a killed ssh does: connections close, and nobody listens any more.
  void kill();
  /// It comes back after kill(), with the same settings.
  void revive();
  /// The connections close; new ones are taken.
  void cut();
  /// Nothing is forwarded there, or back, until told otherwise; connections stay open.
  void mute(bool there, bool back);
  /// All that goes there takes its turn at this rate; 0: as fast as it goes.
  void throttle(double bytes_per_s);
  [[nodiscard]] pid_t pid() const { return pid_; }
  /// Bytes that went there.
  [[nodiscard]] std::int64_t forwarded() const { return control_->there.load(); }
  /// True once these bytes were seen on their way there, in one piece.
  void look_for(std::string_view text);
  [[nodiscard]] bool saw_it() const { return control_->seen.load(); }

 private:
  friend class ForwardingProcess;
  /// What test and process share.
  struct Control {
    std::atomic<bool> ready{false};
    std::atomic<bool> mute_there{false};
    std::atomic<bool> mute_back{false};
    std::atomic<int> cuts{0};
    std::atomic<double> rate{0};
    std::atomic<std::int64_t> there{0};
    std::atomic<bool> seen{false};
    char wanted[64]{};
  };

  std::vector<Route> routes_;
  Control* control_ = nullptr;
  pid_t pid_ = -1;
};

}  // namespace godwit::e2e
