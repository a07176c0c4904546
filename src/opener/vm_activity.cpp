#include "vm_activity.h"

#include "godwit/probe/tap_traffic.h"

namespace godwit::opener {

ActivityCount VmActivity::count() {
  ActivityCount count;
  if (const auto disks = vm_.disk_traffic()) {
    count.disk_read = disks->read;
    count.disk_written = disks->written;
  }
  if (const auto net = probe::tap_traffic_of(pid_)) {
    count.net_sent = net->sent;
    count.net_received = net->received;
  }
  count.instructions = vcpus_.instructions();
  count.cache_misses = vcpus_.cache_misses();
  return count;
}

}  // namespace godwit::opener
