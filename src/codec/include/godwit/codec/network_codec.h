#pragma once

#include "godwit/base/error.h"
#include "godwit/base/json.h"
#include "godwit/domain/network.h"

namespace godwit {

/// {"hosts": [{"name", "at", "egress_bytes_per_s", "ingress_bytes_per_s"}], "uplinks": [{"from",
/// "to", "forward_bytes_per_s", "backward_bytes_per_s"}], "switches": [{"name",
/// "capacity_bytes_per_s"}]}; `uplinks` and `switches` may be absent.
[[nodiscard]] Json to_json(const Network& network);
Result<Network> network_from_json(const Json& json);

}  // namespace godwit
