#pragma once

#include <optional>
#include <vector>

#include "godwit/base/error.h"
#include "godwit/domain/guest_profile.h"

namespace godwit::twin {

/// A guest as QEMU's passes meet it, but for how it writes (model/dirty_curve.h).
struct Guest {
  double ram = 0;      ///< bytes
  double page = 4096;  ///< bytes
  double data = 0;     ///< bytes in pages that are not zero
  double zero_pages = 0;
  /// Share of data in each of so many equal parts of RAM; empty: not known.
  std::vector<double> data_by_part;
  double written_zero = 0;  ///< share of what the guest writes that is pages of zeros
  int vcpus = 1;
  int host_cpus = 1;   ///< of its host that its process may run on
  double cpu_use = 1;  ///< share of its vCPUs' time that it uses
  bool works = true;   ///< has work that can be lost
  std::optional<PageContents> contents;
  std::optional<PageContents> changed_contents;
  std::optional<PageContents> end_contents;
  std::optional<PageChange> change;
};

/// Of its usual speed, when its vCPUs keep that share of their time: what it does not use is taken
/// first.
[[nodiscard]] double speed_at(const Guest& guest, double cpu_share);

/// kBadInput: a share of zero pages outside 0...1. A guest whose vCPUs nobody watched is taken for
/// busy.
Result<Guest> guest_of(const GuestProfile& profile);

}  // namespace godwit::twin
