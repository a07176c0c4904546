#pragma once

#include <vector>

#include "curve_estimate.h"
#include "godwit/domain/guest_profile.h"

namespace godwit::profile {

/// How often pages are written, if each is written as by a Poisson process of its own rate (Zhang,
/// Lam, Wang): all of RAM divided over rates a factor of two apart, and the rate 0. Classes without
/// pages are left out; ascending.
///
/// A page shows only in which of the intervals between looks it changed. The division is the one
/// that makes what all pages showed most likely, found by expectation maximisation (Dempster,
/// Laird, Rubin 1977) over the patterns that occurred: a page that was seen to change once says
/// little of its rate, thousands of them say how rates are spread.
[[nodiscard]] std::vector<RateClass> rate_classes(const PageChanges& changes);

}  // namespace godwit::profile
