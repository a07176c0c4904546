#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "godwit/base/units.h"
#include "godwit/domain/guest_profile.h"

/// From what a sample of pages did to what all of RAM does. Pure statistics.

namespace godwit::profile {

/// A share of all pages: estimate and 90 % interval (sampling error only).
struct Share {
  double estimate = 0;
  double low = 0;
  double high = 0;
};

/// Pages to sample of `population`, without replacement, so that the 90 % interval of a share is no
/// wider than +- `half_width` at its worst, a share of 1/2: n0 = z^2 / (4 e^2), less for a finite
/// population: n = n0 / (1 + (n0 - 1) / N) (Cochran, Sampling Techniques, 3rd ed., eqs 4.1
/// and 4.3).
[[nodiscard]] std::int64_t pages_to_sample(std::int64_t population, double half_width);

/// Wilson's score interval (1927) with finite-population correction: `sampled` of `population`
/// pages tell as much as sampled (N-1)/(N-n) independent draws would; all pages leave no doubt.
/// `share` is the sample's, 0...1, and may be a mean over several looks at the same pages: those
/// count once, since a page that changes in one window mostly does in the next (which errs to the
/// wide side). 0 < sampled <= population.
[[nodiscard]] Share estimate_share(double share, std::int64_t sampled, std::int64_t population);

/// The non-decreasing values closest to `values` in weighted least squares (pool adjacent
/// violators; Barlow et al., 1972). Keeps order between sequences: where a <= b throughout, the
/// results are too.
[[nodiscard]] std::vector<double> isotonic(std::span<const double> values,
                                           std::span<const double> weights);

/// What the sampled pages did between consecutive looks at them.
struct PageChanges {
  /// When the looks were, from the first (0) on, as the mean over pages. Planned at 0, b, 2b, 4b,
  /// 8b...
  std::vector<Seconds> looks;
  /// For each sampled page, bit k: its content differed between looks k and k + 1.
  std::vector<std::uint32_t> changed;
  PageCount population;
  PageSize page_size{4096};
};

/// W(t) for t = b, 2b, 4b ... (ascending, `unique` never falls).
///
/// With looks at 0, b, 2b, 4b ..., each window but the longest fits twice: from the first look on
/// (0, 2^k b), and just after that (2^k b, 2^(k+1) b). Both are used, with equal weight; their
/// lengths as measured are averaged like their shares. Within a window a page counts as written
/// when any look in between differed from the one before: one that changes and changes back is
/// caught where a look fell between. Two windows average over different times of the guest's life,
/// so the estimates may fall where it calmed down; the isotonic fit evens that out.
[[nodiscard]] std::vector<DirtyPoint> dirty_curve(const PageChanges& changes);

/// The intervals between consecutive looks, in time order.
[[nodiscard]] std::vector<DirtyPoint> dirty_series(const PageChanges& changes);

}  // namespace godwit::profile
