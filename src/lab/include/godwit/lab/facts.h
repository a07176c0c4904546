#pragma once

#include <string>

#include "godwit/base/error.h"

namespace godwit::lab {

/// What this machine allows a lab to do.
struct LabFacts {
  bool root = false;             ///< in the initial namespaces; otherwise a user's own lab
  bool postcopy = false;         ///< a QEMU started here may use userfaultfd
  std::string postcopy_why_not;  ///< with the setting to change; empty when it may
};
LabFacts facts();

/// Folder of the guest's image (vmlinux, initrd.img, cmdline): $GODWIT_GUEST_DIR, or guest-image
/// beside this program, or /usr/share/godwit/guest. kEnvironment when there is none.
Result<std::string> find_guest_image();

/// For what can be made again: $XDG_CACHE_HOME/godwit, else ~/.cache/godwit. Empty where there is
/// no home.
std::string cache_folder();

/// The drive with real programs that belongs to the image in that folder. kEnvironment when it was
/// not built.
Result<std::string> find_programs(const std::string& image);

/// "kvm" if a guest boots with it within a deadline, else "tcg"; never by /dev/kvm's presence,
/// which promises too much. The answer is kept in the user's cache folder until the next boot.
/// $GODWIT_ACCEL overrides it. The first call may take 5 s. `lab`'s folder must exist.
Result<std::string> choose_accelerator(const std::string& lab);

}  // namespace godwit::lab
