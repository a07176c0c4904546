#include "lab_mover.h"

#include <utility>

#include "godwit/lab/lab.h"
#include "godwit/lab/power.h"

namespace godwit::rig {
namespace {

/// Its loads end at once; what it has written goes to the disk.
constexpr Seconds kShutDownPatience{60};
constexpr Seconds kBootPatience{120};

}  // namespace

LabMover::LabMover(std::string lab, std::string guest, std::string here, std::string there,
                   bool zstd)
    : lab_(std::move(lab)),
      guest_(std::move(guest)),
      here_(std::move(here)),
      there_(std::move(there)),
      zstd_(zstd) {}

Result<void> LabMover::shut_down() {
  return lab::power_off(lab_, guest_, kShutDownPatience);
}

Result<void> LabMover::copy_disks(Seconds patience, const OnCopied& on_copied,
                                  std::stop_token stop) {
  auto copied = lab::copy_disk(lab_, guest_, there_, {zstd_, patience, on_copied}, std::move(stop));
  if (!copied) return fail(std::move(copied).error());
  return {};
}

Result<void> LabMover::boot(Side side) {
  return lab::power_on(lab_, guest_, side == Side::kSource ? here_ : there_, kBootPatience);
}

Result<bool> LabMover::runs_at_source() {
  GODWIT_TRY(const lab::Instance here, lab::find_instance(lab_, guest_, here_));
  return here.pid != 0;
}

}  // namespace godwit::rig
