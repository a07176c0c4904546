#include "godwit/lab/power.h"

#include <fmt/format.h>
#include <poll.h>

#include <utility>
#include <vector>

#include "disk.h"
#include "disk_copy.h"
#include "godwit/lab/lab.h"
#include "guest_control.h"
#include "lock.h"
#include "netns.h"
#include "paths.h"
#include "processes.h"
#include "qemu.h"
#include "state.h"
#include "wait_on.h"

namespace godwit::lab {
namespace {

/// An off guest has no QEMU anywhere.
Result<void> require_off(const GuestStatus& guest) {
  for (const Instance& one : guest.instances) {
    if (one.pid == 0) continue;
    return fail(ErrorCode::kBusy,
                fmt::format("guest {} has a QEMU on {}", guest.spec.name, one.host),
                "switch the guest off first");
  }
  return {};
}

/// The record of an off guest, under the lab's lock.
struct OffGuest {
  LabLock lock;
  LabRecord record;
  GuestRecord* guest;
};

Result<OffGuest> find_off_guest(const std::string& lab, const std::string& guest) {
  GODWIT_TRY(LabLock lock, LabLock::acquire(lab, false));
  GODWIT_TRY(const GuestStatus status, find_guest(lab, guest));
  GODWIT_CHECK_OK(require_off(status));
  GODWIT_TRY(LabRecord record, load_record(lab));
  OffGuest off{std::move(lock), std::move(record), nullptr};
  off.guest = off.record.find(guest);
  return off;
}

/// The guest is at home on `host`; what it has on another one goes.
Result<void> settle_on(const std::string& lab, const std::string& guest, const std::string& host) {
  GODWIT_TRY(const LabLock lock, LabLock::acquire(lab, false));
  GODWIT_TRY(LabRecord record, load_record(lab));
  GuestRecord* const found = record.find(guest);
  if (found == nullptr) return fail(ErrorCode::kPeerGone, "the guest was ended meanwhile");
  const std::vector<std::string> hosts = std::exchange(found->hosts, {host});
  for (const std::string& other : hosts) {
    if (other == host) continue;
    GODWIT_CHECK_OK(end_instance(lock, *found, other));
    remove_own_disk(lock, found->spec, other);
  }
  return save_record(record);
}

/// It may run on `host` from now on, and has something at home, too.
Result<void> start_on(const std::string& lab, const std::string& guest, const std::string& host) {
  GODWIT_TRY(OffGuest off, find_off_guest(lab, guest));
  std::vector<std::string>& hosts = off.guest->hosts;
  const std::string home = hosts.front();
  hosts = {host};
  if (home != host) hosts.push_back(home);
  GODWIT_CHECK_OK(save_record(off.record));
  return start_instance(off.lock, *off.guest, host, false);
}

}  // namespace

Result<void> power_off(const std::string& lab, const std::string& guest, Seconds patience,
                       std::stop_token stop) {
  GODWIT_TRY(const GuestStatus status, find_guest(lab, guest));
  const UniqueFd process = pin_process(static_cast<pid_t>(status.instances.front().pid));
  if (status.instances.front().pid == 0 || !process.valid()) return {};  // it is off
  const TimePoint deadline = RealClock().now() + patience;
  const GuestControl control{status.address, kGuestControlPort,
                             netns_path(netns_name(lab, kClient))};
  GODWIT_CHECK_OK(tell_power_off(control, patience, stop));
  const StopFd stopped(stop);
  switch (wait_on(process.get(), POLLIN, deadline, stopped.get())) {
    case Woken::kReady:
      return {};
    case Woken::kStopped:
      return fail(ErrorCode::kInterrupted,
                  fmt::format("waiting for guest {} to shut down was stopped", guest),
                  "it shuts down all the same");
    case Woken::kLate:
      break;
  }
  return fail(ErrorCode::kTimeout,
              fmt::format("guest {} did not shut down within {:.0f} s", guest, patience.count()),
              "look at its console file");
}

Result<CopiedDisk> copy_disk(const std::string& lab, const std::string& guest,
                             const std::string& host, const CopyOptions& options,
                             std::stop_token stop) {
  DiskCopy copy;
  GODWIT_TRY(const HostStatus there, find_host(lab, host));
  {
    GODWIT_TRY(OffGuest off, find_off_guest(lab, guest));
    const GuestSpec& spec = off.guest->spec;
    const std::string& home = off.guest->hosts.front();
    if (!spec.own_disks || home == host) return CopiedDisk{};
    GODWIT_TRY(const HostStatus here, find_host(lab, home));
    copy = {disk_file_of(lab, spec, home), disk_file_of(lab, spec, host), here.netns, there.netns,
            there.migration_address};
    GODWIT_CHECK_OK(make_disk(off.lock, spec, host));
  }
  auto copied = copy_disk_file(copy, options, stop);
  if (!copied) unlink(copy.to.c_str());
  return copied;
}

Result<void> power_on(const std::string& lab, const std::string& guest, const std::string& host,
                      Seconds patience, std::stop_token stop) {
  GODWIT_CHECK_OK(find_host(lab, host));
  GODWIT_TRY(const GuestStatus before, find_guest(lab, guest));
  GODWIT_CHECK_OK(require_off(before));
  const std::string home = before.instances.front().host;
  auto up = start_on(lab, guest, host);
  if (up) up = wait_ready(lab, guest, patience, stop);
  if (up) return settle_on(lab, guest, host);
  if (home != host) {
    GODWIT_CHECK_OK(settle_on(lab, guest, home));
    return up;
  }
  GODWIT_TRY(const LabLock lock, LabLock::acquire(lab, false));
  GODWIT_TRY(LabRecord record, load_record(lab));
  if (const GuestRecord* const found = record.find(guest)) {
    GODWIT_CHECK_OK(end_instance(lock, *found, host));
  }
  return up;
}

}  // namespace godwit::lab
