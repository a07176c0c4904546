#pragma once

#include "godwit/domain/link.h"
#include "godwit/twin/host_pair.h"

namespace godwit::twin {

/// The same where a link's round trip comes on top, as measured or stated: two until the first page
/// is on its way and the last one confirmed, half a one until what was sent last is there and the
/// guest runs, and one for each page that a guest asks for.
[[nodiscard]] HostPairConstants over(HostPairConstants pair, const Link& link);

}  // namespace godwit::twin
