#pragma once

#include <vector>

#include "godwit/domain/outcome.h"
#include "godwit/twin/outlook.h"

/// Private to steer: a guest as the rounds of its migration show it, where nobody observed it
/// before.

namespace godwit::steer {

/// How such a guest may write within t, for every t.
///
/// A round shows its dirty curve W at one point, the round's length, and what comes are shorter
/// rounds: how the curve bends below decides when it ends. So some shapes are weighed by Bayes's
/// rule. A shape is a power t^a, a set that is filled at random, 1 - exp(-t/b), or in order,
/// min(t/b, 1), with or without a hot set that is full at once. Each gets the height that explains
/// the rounds best, and the weight with which it explains them. Before any round has told, powers
/// between 0.7 and 1 count most: the pre-copies of tests/public, of real guests, bend by 0.72 in
/// the median.
class SeenGuest {
 public:
  /// A round, right after its end. `ram`: all that QEMU counts; `ran_at`: the share of their time
  /// that the vCPUs had. A round of which nobody knows what was dirtied says nothing.
  void learn(const RoundRecord& round, Bytes ram, double ran_at);
  /// Not empty once a round has told something. By time that the guest has all of its CPU.
  [[nodiscard]] std::vector<twin::LikelyGrowth> growths() const;

 private:
  struct Window {
    double seconds = 0;
    int parts = 1;  ///< of RAM, which each began to count after another
    double dirtied = 0;
    [[nodiscard]] double variance(double age) const;
  };
  /// A shape's logarithm of height by all windows, that one's variance, and what it leaves open.
  struct Fit {
    double height = 0;
    double variance = 0;
    double misfit = 0;
  };
  template <class AnyShape>
  [[nodiscard]] Fit fit(const AnyShape& shape) const;
  [[nodiscard]] double longest() const;

  std::vector<Window> windows_;  ///< the newest last
  double ram_ = 0;
};

/// Parts of RAM whose dirty log QEMU clears in one go (clear_bmap): in the first pass, each counts
/// from when its first page is sent.
[[nodiscard]] int log_parts(Bytes ram);

}  // namespace godwit::steer
