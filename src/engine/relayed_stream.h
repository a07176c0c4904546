#pragma once

#include <memory>
#include <string>

#include "godwit/base/clock.h"
#include "godwit/domain/hypervisor.h"
#include "godwit/pair/stream_carrier.h"

namespace godwit::engine {

/// A relay of this process for one migration of a VM of this host, which connects from the network
/// namespace of the VM's process. `stream`: the destination's, "tcp:HOST:PORT".
///
/// kBadInput for a stream that is no TCP; kUnsupported where the VM's process can't be seen from
/// here; kPermission where its network namespace is another that may not be entered; else as the
/// relay's.
Result<std::unique_ptr<pair::StreamCarrier>> relay_stream(Clock& clock, const VmDescription& source,
                                                          const std::string& stream);

}  // namespace godwit::engine
