#include "godwit/model/idle.h"

namespace godwit::model {
namespace {

/// Of the pages that were looked at, those that changed at all.
double changed_of_sample(const GuestProfile& profile) {
  if (profile.dirty_curve.empty()) return 0;
  const double share = profile.dirty_curve.back().unique.as_double() / profile.ram.as_double();
  return share * static_cast<double>(profile.sampled_pages.count());
}

}  // namespace

/// Emulated, in 8 s: a VM that waits in its firmware used 0.006 to 0.008 of a CPU, and at most one
/// page of 11,407 changed (its clock); an idle Linux used 0.08 to 0.10, and 7 pages and more
/// changed.
bool stood_idle(const GuestProfile& profile) {
  constexpr double kSleeps = 0.02;  // of one CPU
  constexpr double kStrayPages = 2;
  return profile.vcpu_use && *profile.vcpu_use < kSleeps &&
         changed_of_sample(profile) <= kStrayPages;
}

}  // namespace godwit::model
