#include "godwit/storage/watch_lease.h"

#include <utility>

#include "godwit/base/log.h"

namespace godwit::storage {

WatchLease::WatchLease(Clock& clock, Journal& journal, Hypervisor& hypervisor, JournalEntry vm)
    : clock_(clock), journal_(journal), hypervisor_(hypervisor), entry_(std::move(vm)) {
  entry_.destination = kObservationName;
}

Result<void> WatchLease::begin(const std::vector<std::string>& devices) {
  DiskWatch* const watch = hypervisor_.disk_watch();
  if (watch == nullptr) {
    return fail(ErrorCode::kUnsupported, "this hypervisor does not tell how disks are written");
  }
  GODWIT_CHECK_OK(note("observing"));
  watch_ = watch;
  auto begun = watch->watch_writes(devices);
  if (begun) return {};
  end();
  return begun;
}

void WatchLease::end() {
  if (watch_ == nullptr) return;
  watch_ = nullptr;
  if (end_left_watch(hypervisor_) || hypervisor_.known_ended()) {
    (void)note("done");
    return;
  }
  log::warning("the watch of the VM's disks could not be ended; godwit recover ends it");
}

Result<void> WatchLease::note(std::string_view step) {
  entry_.step = step;
  entry_.wall_us = clock_.wall_us();
  return journal_.record(entry_);
}

bool end_left_watch(Hypervisor& hypervisor) {
  DiskWatch* const watch = hypervisor.disk_watch();
  return watch == nullptr || watch->end_watching().has_value();
}

}  // namespace godwit::storage
