#pragma once

#include <vector>

#include "godwit/domain/technique.h"

namespace godwit {

/// Every combination of parts.
inline std::vector<Technique> all_products() {
  std::vector<Technique> all;
  for (const Streams streams : {Streams::kOne, Streams::kMultifd}) {
    for (const Codec codec :
         {Codec::kNone, Codec::kXbzrle, Codec::kCompress, Codec::kZlib, Codec::kZstd}) {
      for (const Throttle throttle : {Throttle::kNone, Throttle::kAutoConverge}) {
        for (const Ending ending :
             {Ending::kConverged, Ending::kPostcopyAtOnce, Ending::kPostcopyAfterShare,
              Ending::kFirstEstimate, Ending::kCold}) {
          for (const bool storage : {false, true}) {
            all.push_back({streams, codec, throttle, ending, storage});
          }
        }
      }
    }
  }
  return all;
}

}  // namespace godwit
