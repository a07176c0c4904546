#include "godwit/lab/power.h"

#include <fmt/format.h>
#include <poll.h>

#include <utility>
#include <vector>

#include "disk.h"
#include "disk_copy.h"
#include "godwit/base/stop_fd.h"
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

/// The guest is at home on `home`, and what it has elsewhere goes; so does the QEMU that `failed`.
Result<void> settle_on(const std::string& lab, const std::string& guest, const std::string& home,
                       const std::string& failed = {}) {
  GODWIT_TRY(const LabLock lock, LabLock::acquire(lab, false));
  GODWIT_TRY(LabRecord record, load_record(lab));
  GuestRecord* const found = record.find(guest);
  if (found == nullptr) return fail(ErrorCode::kPeerGone, "the guest was ended meanwhile");
  for (const std::string& host : std::exchange(found->hosts, {home})) {
    if (host != home || host == failed) GODWIT_CHECK_OK(end_instance(lock, *found, host));
    if (host != home) remove_own_disk(lock, found->spec, host);
  }
  return save_record(record);
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
    if (spec.qcow2) {
      return fail(ErrorCode::kUnsupported, "the lab copies raw disks only between its hosts",
                  "leave qcow2 out for moves of a guest that is off");
    }
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
  std::string home;
  Result<void> up;
  {
    GODWIT_TRY(OffGuest off, find_off_guest(lab, guest));
    std::vector<std::string>& hosts = off.guest->hosts;
    home = std::exchange(hosts, {host}).front();
    if (home != host) hosts.push_back(home);  // it has something there, too
    GODWIT_CHECK_OK(save_record(off.record));
    up = start_instance(off.lock, *off.guest, host);
  }
  if (up) up = wait_ready(lab, guest, patience, stop);
  GODWIT_CHECK_OK(up ? settle_on(lab, guest, host) : settle_on(lab, guest, home, host));
  return up;
}

}  // namespace godwit::lab
