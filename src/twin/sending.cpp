#include "sending.h"

#include <algorithm>

#include "coding.h"
#include "godwit/twin/qemu.h"

namespace godwit::twin {
MigrationParameters assumed(Technique technique, const MigrationParameters& given,
                            const Link& link) {
  MigrationParameters all = given;
  all.max_bandwidth = given.max_bandwidth.value_or(link.rate);
  all.downtime_limit = given.downtime_limit.value_or(kDefaultDowntimeLimit);
  if (uses_postcopy(technique)) {
    const bool at_once = technique.ending == Ending::kPostcopyAtOnce;
    all.precopy_share = given.precopy_share.value_or(Ratio(at_once ? 0 : 1));
  }
  return all;
}

Sending sending_of(Technique technique, const Guest& guest, const MigrationParameters& parameters,
                   const Link& link, const HostPairConstants& pair) {
  Sending s;
  const double most = link.rate.value() * pair.rate.value();
  s.switch_rate = most;
  s.rate = std::min(parameters.max_bandwidth->value() * pair.rate.value(), most);
  // with the guest stopped QEMU keeps no limit
  if (technique.ending == Ending::kFirstEstimate) s.rate = most;
  const BytesPerSecond postcopy = parameters.max_postcopy_bandwidth.value_or(BytesPerSecond(0));
  s.postcopy_rate = postcopy.value() > 0 ? std::min(postcopy.value(), most) : most;
  s.reckoned_rate = parameters.avail_switchover_bandwidth.value_or(BytesPerSecond(0)).value();
  s.limit = parameters.downtime_limit->count();
  s.window = pair.window.count();
  s.coding = coding_of(technique, guest, parameters, pair);
  const bool behind_link = s.coding.cpu_rate * s.coding.first >= s.rate;
  if (technique.streams == Streams::kMultifd && behind_link) {
    const double share =
        technique.codec == Codec::kZlib ? pair.queued_by_zlib : pair.queued_by_multifd;
    s.queued = share * pair.sender_queue.as_double() / most;
  }
  s.throttling = throttling_of(technique, parameters);
  return s;
}

}  // namespace godwit::twin
