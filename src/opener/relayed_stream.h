#pragma once

#include <memory>
#include <string>

#include "godwit/base/clock.h"
#include "godwit/domain/hypervisor.h"
#include "godwit/domain/stream_carrier.h"

namespace godwit::opener {

/// A relay of this process for one migration of a VM of this host, which connects from the network
/// namespace of the VM's process. `stream`: the destination's, "tcp:HOST:PORT".
///
/// kBadInput for a stream that is no TCP; kUnsupported where the VM's process can't be seen from
/// here; kPermission where its network namespace is another that may not be entered; else as the
/// relay's.
Result<std::unique_ptr<StreamCarrier>> relay_stream(Clock& clock, const VmDescription& source,
                                                    const std::string& stream);

/// The same for a domain of libvirt's: by TCP, at a port that its destination will listen at, too.
Result<std::unique_ptr<StreamCarrier>> relay_stream_of_libvirt(Clock& clock,
                                                               const VmDescription& source,
                                                               const std::string& stream);

}  // namespace godwit::opener
