#include "godwit/learn/reference_twin.h"

namespace godwit::learn {

Result<twin::Predictor> reference_twin(const GuestProfile& profile, const Link& link,
                                       const twin::HostPairConstants& pair) {
  /// A migration that takes longer is not corrected.
  constexpr Seconds kLongest(3600);
  twin::Options options;
  options.pair = pair;
  options.max_time = kLongest;
  return twin::Predictor::make(profile, link, options);
}

}  // namespace godwit::learn
