#include <fmt/format.h>

#include "godwit/lab/lab.h"
#include "guest_control.h"
#include "lock.h"
#include "paths.h"
#include "state.h"

namespace godwit::lab {
namespace {

/// The lab's lock is taken only now: a guest may fill its memory for long, and its load may be
/// changed while it migrates, which needs the lock too.
Result<void> note_load(const std::string& lab, const std::string& guest, const std::string& load) {
  GODWIT_TRY(const LabLock lock, LabLock::acquire(lab, false));
  GODWIT_TRY(LabRecord record, load_record(lab));
  GuestRecord* const found = record.find(guest);
  if (found == nullptr) {
    return fail(ErrorCode::kPeerGone, fmt::format("guest {} was ended meanwhile", guest),
                "start it again with: godwit lab up");
  }
  found->spec.load = load;
  return save_record(record);
}

}  // namespace

Result<void> change_load(const std::string& lab, const std::string& guest, const std::string& load,
                         Seconds patience, std::stop_token stop) {
  GODWIT_TRY(const GuestStatus status, find_guest(lab, guest));
  GuestSpec wanted = status.spec;
  wanted.load = load;
  GODWIT_CHECK_OK(validate(wanted));
  if (status.instances.front().pid == 0) {
    return fail(ErrorCode::kPeerGone, fmt::format("the QEMU of guest {} is gone", guest),
                "build the lab anew: godwit lab down, godwit lab up");
  }
  const GuestControl control{status.address, kGuestControlPort,
                             netns_path(netns_name(lab, kClient))};
  GODWIT_CHECK_OK(tell_load(control, load, patience, stop));
  return note_load(lab, guest, load);
}

}  // namespace godwit::lab
