#pragma once

#include "godwit/base/error.h"
#include "godwit/domain/guest_profile.h"
#include "godwit/domain/link.h"
#include "godwit/twin/predictor.h"

namespace godwit::learn {

/// The twin that is corrected, the same in training and in prediction: with what is known of the
/// pair of hosts and without draws, whatever else a caller asks of the twin. Errors as for
/// twin::Predictor::make.
Result<twin::Predictor> reference_twin(const GuestProfile& profile, const Link& link,
                                       const twin::HostPairConstants& pair);

}  // namespace godwit::learn
