#include "godwit/twin/guest.h"

#include <algorithm>

#include "godwit/model/idle.h"

namespace godwit::twin {
namespace {

/// Profiles of before 2026-11-27 do not say how many CPUs the host had: those of data/ were all
/// taken on the lab.
constexpr int kCpusOfLab = 2;

}  // namespace

Result<Guest> guest_of(const GuestProfile& profile) {
  const double zero = profile.zero_share.value();
  if (!(zero >= 0 && zero <= 1)) {
    return fail(ErrorCode::kBadInput, "the profile's share of zero pages is not between 0 and 1",
                "take the profile again: godwit profile VM");
  }
  Guest guest;
  guest.ram = profile.ram.as_double();
  guest.page = profile.page_size.bytes().as_double();
  guest.data = guest.ram * (1 - zero);
  guest.zero_pages = guest.ram * zero / guest.page;
  for (const Ratio share : profile.data_by_part) guest.data_by_part.push_back(share.value());
  guest.vcpus = std::max(profile.vcpus.value_or(1), 1);
  guest.host_cpus = std::max(profile.host_cpus.value_or(kCpusOfLab), 1);
  guest.cpu_use = profile.vcpu_use ? std::min(*profile.vcpu_use / guest.vcpus, 1.0) : 1.0;
  guest.works = !model::stood_idle(profile);
  guest.written_zero = profile.changed_to_zero_share.value_or(Ratio(0)).value();
  guest.contents = profile.contents;
  guest.changed_contents = profile.changed_contents;
  guest.end_contents = profile.end_contents;
  guest.change = profile.change;
  return guest;
}

double speed_at(const Guest& guest, double cpu_share) {
  /// A guest that uses less of its vCPUs' time than this is taken to use so much.
  constexpr double kLeastCpuUse = 0.01;
  return std::min(1.0, cpu_share / std::max(guest.cpu_use, kLeastCpuUse));
}

}  // namespace godwit::twin
