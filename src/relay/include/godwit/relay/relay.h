#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "godwit/base/clock.h"
#include "godwit/base/error.h"
#include "godwit/base/unique_fd.h"
#include "godwit/base/units.h"
#include "godwit/domain/address.h"

/// Carries a migration's connections through this process: QEMU at the source connects to a UNIX
/// socket (or a port of 127.0.0.1), the relay connects to the destination by TCP and carries bytes
/// both ways. The sender's queue is bounded, bytes are paced, and several migrations share one link
/// by weight.
///
/// What a caller must know:
///  - QEMU's connections end when this process ends. Before the switchover the migration then fails
///    and the guest runs on at the source. In post-copy both sides pause with a part of the guest
///    each; `migrate-recover` and a resumed `migrate` by another address mend that. A caller
///    therefore writes the relay into its journal before it orders the migration.
///  - QEMU's `transferred` counts what the relay has taken in. That is ahead of the destination by
///    `PathStats::queued`.
///  - UNIX sockets connect at once. A destination that refuses is seen by QEMU as a connection that
///    breaks, and stands in `PathStats::failure`.
///  - QEMU's own `max-bandwidth` holds besides. Set it above the path's rate: it works in windows
///    of 100 ms, and a requested page waits for the next one (docs/relay.md has what it cost).
///
/// Every connection to the socket is one connection to the destination. They are opened in the
/// order in which they came, each after the one before it is established: QEMU tells channels that
/// say nothing first apart by that order.

namespace godwit::relay {

struct PathOptions {
  /// What all channels together may carry towards the destination. In any 100 ms they carry at most
  /// 2 % more. At least 100 kB/s; absent: no limit but the relay's link.
  std::optional<BytesPerSecond> rate{};
  /// The path's share of the relay's link beside other paths that have something to send; > 0.
  double weight = 1;
  /// How long bytes may wait in each channel's queue towards the destination: of the path's rate
  /// where it has one, else of what the other host acknowledged of late. More than 0. Shorter is
  /// better for requested pages as long as QEMU and the relay get a processor that quickly.
  Seconds queue{0.005};
  /// Added to the link's own, half each way. For labs; costs a copy of every byte.
  Seconds round_trip{0};
  /// The user that the source's QEMU runs as, where that is not this process's.
  std::optional<uid_t> qemu_user{};
  /// Take connections at this port of 127.0.0.1 instead of at a UNIX socket. For libvirt, whose
  /// destination listens where its source connects to: at a port of that number. Whoever is on this
  /// host may connect then, as whoever reaches the destination may do there.
  std::optional<int> local_port{};
};

struct PathStats {
  Bytes to_destination{};  ///< handed to the kernel towards the destination
  Bytes to_source{};       ///< the way back
  /// On its way to the destination: written by QEMU, and not acknowledged by the other host.
  Bytes queued{};
  int channels = 0;         ///< connections that are open
  int channels_opened = 0;  ///< since the path was opened
  /// The first thing that went wrong: the destination refused, or a connection broke.
  std::optional<Error> failure{};
};

class RelayLoop;

/// The way of one migration (or one disk mirror) to its destination. Functions may be called from
/// any thread; each waits for the relay's thread, a few milliseconds at most. Destroying a path
/// cuts its connections, so it must outlive the migration.
class RelayedPath {
 public:
  RelayedPath(std::shared_ptr<RelayLoop> loop, int id, std::string uri);
  ~RelayedPath();
  RelayedPath(const RelayedPath&) = delete;
  RelayedPath& operator=(const RelayedPath&) = delete;

  /// For QEMU's `migrate`: "unix:/run/godwit-relay-aB3dE6/stream", "tcp:127.0.0.1:49190".
  [[nodiscard]] const std::string& uri() const { return uri_; }
  /// A connection that is made already, to be handed over: QEMU's `getfd`, then `migrate` to
  /// "fd:NAME". For migrations of one channel. The socket that QEMU makes for itself queues 210
  /// KiB; this one holds what `PathOptions::queue` is at the path's rate, at least 16 KiB (without
  /// a rate that least). Close it here once QEMU has it, or its end is not seen.
  [[nodiscard]] Result<UniqueFd> connect();

  /// kBadInput below 100 kB/s.
  Result<void> set_rate(std::optional<BytesPerSecond> rate);
  [[nodiscard]] PathStats stats() const;
  /// Bytes towards the destination per 10 ms, oldest first: whole grains only, the newest ended
  /// less than 10 ms ago. At most a minute, and nothing from before the path was opened.
  [[nodiscard]] std::vector<Bytes> throughput(Seconds window) const;
  /// Ends all its connections, as a link that is cut does. It still takes new ones.
  void cut();

 private:
  std::shared_ptr<RelayLoop> loop_;
  int id_;
  std::string uri_;
};

/// Grain of `RelayedPath::throughput`.
inline constexpr Seconds kThroughputGrain{0.01};

/// A thread that carries, and the link that its paths share. Functions may be called from any
/// thread. Paths may outlive the relay.
class Relay {
 public:
  /// Connections to destinations are made in the calling thread's network namespace. `link`: what
  /// all paths together may carry; absent: no limit. kBadInput as of PathOptions::rate.
  static Result<std::unique_ptr<Relay>> start(Clock& clock,
                                              std::optional<BytesPerSecond> link = {});

  /// Opens a socket for QEMU in a folder of its own that only its user may enter, or at
  /// `local_port`. The destination is connected to when QEMU connects, not before. kBadInput for
  /// options out of their range; kBusy where somebody has that port; kNotFound when the
  /// destination's name can't be resolved (which may take seconds); else from the kernel.
  Result<std::unique_ptr<RelayedPath>> open(const TcpAddress& destination,
                                            const PathOptions& options = {});
  Result<void> set_link(std::optional<BytesPerSecond> rate);

 private:
  explicit Relay(std::shared_ptr<RelayLoop> loop) : loop_(std::move(loop)) {}
  std::shared_ptr<RelayLoop> loop_;
};

}  // namespace godwit::relay
