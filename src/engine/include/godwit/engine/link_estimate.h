#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "godwit/domain/link.h"
#include "godwit/domain/outcome.h"

namespace godwit::engine {

/// A link rate and where it comes from, for people.
struct LinkEstimate {
  Link link;
  std::string origin;
};

/// The fastest that earlier migrations between a pair of hosts were seen to carry, of those that
/// nobody held to a rate. Pure.
[[nodiscard]] std::optional<BytesPerSecond> rate_from_history(
    const std::vector<OutcomeRecord>& records);

/// The stated speed of the interface that leads to the stream's host; absent for loopback, virtual
/// interfaces without a speed, and names that do not resolve.
[[nodiscard]] std::optional<BytesPerSecond> rate_of_interface(std::string_view stream);

/// What the stream may use when the user did not say: the pair's history (`records`), else the
/// interface's speed; never more than QEMU's own max-bandwidth, which is also the last resort.
[[nodiscard]] LinkEstimate estimate_link(const std::vector<OutcomeRecord>& records,
                                         std::string_view stream,
                                         std::optional<BytesPerSecond> qemu_max_bandwidth);

}  // namespace godwit::engine
