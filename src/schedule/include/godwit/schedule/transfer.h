#pragma once

#include <map>
#include <string>
#include <vector>

#include "godwit/base/units.h"

/// How long a live migration takes at the rate that was planned for it, and what sharing a host
/// with others does to that rate. Pure.

namespace godwit::schedule {

/// What of a VM decides how long its memory takes to move.
struct MemoryLoad {
  Bytes memory;
  Bytes hot;            ///< rewritten all the time, so it is sent again when the rest is across
  BytesPerSecond cold;  ///< dirtied for the first time meanwhile
  friend bool operator==(const MemoryLoad&, const MemoryLoad&) = default;
};

/// Of a rate that was planned, the share that a migration gets through where nothing disturbs it.
struct Goodput {
  BytesPerSecond planned;
  double share = 1;
  friend bool operator==(const Goodput&, const Goodput&) = default;
};

/// Constants of a group of hosts and their network; calibrate.h takes them from past migrations.
struct TransferModel {
  std::vector<Goodput> goodputs;  ///< ascending by rate, not empty; between two of them linear
  double hot_passes = 1;          ///< how often the hot memory is sent again
  /// Share of a host's capacity that it can still receive while it sends all that it can: the
  /// acknowledgements then wait behind what it sends. By host, and for hosts without a past.
  std::map<std::string, double> receives_while_sending{};
  double usually_receives_while_sending = 1;
  /// Share of its capacity from which what a host sends begins to delay acknowledgements.
  double delays_from = 0.85;
  double fan_in_loss = 0;  ///< share of the rate that is lost where several arrive at one host
  Seconds pause{};         ///< from the end of a migration to the start of one that waits for it
  double error = 0;        ///< standard deviation of the logarithm of actual over predicted time
};

/// The constants of the public executions of mVM (docs/scheduling.md): QEMU over TCP at 0.5 and
/// 1 Gbit/s. For hosts of which there is no history.
[[nodiscard]] TransferModel usual_transfer_model();

[[nodiscard]] BytesPerSecond goodput(const TransferModel& model, BytesPerSecond planned);
/// What crosses the link if nothing is dirtied for the first time.
[[nodiscard]] double bytes_to_send(const TransferModel& model, const MemoryLoad& load);
/// (M + passes × hot) / (goodput − cold): Ramanathan et al., eq. (4), with the hot set apart, as
/// its pages are dirty again however fast they are sent. Infinite where it never ends.
[[nodiscard]] Seconds duration(const TransferModel& model, const MemoryLoad& load,
                               BytesPerSecond planned);

}  // namespace godwit::schedule
