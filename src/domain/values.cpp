#include "godwit/domain/hypervisor.h"
#include "godwit/domain/prediction.h"

namespace godwit {

const TechniquePrediction* find(const Prediction& prediction, Technique technique) {
  for (const TechniquePrediction& one : prediction.predictions) {
    if (one.technique == technique) return &one;
  }
  return nullptr;
}

CapabilitySet capabilities_needed(Technique technique) {
  switch (technique) {
    case Technique::kAutoConverge:
      return {Capability::kAutoConverge};
    case Technique::kXbzrle:
      return {Capability::kXbzrle};
    case Technique::kCompress:
      return {Capability::kCompress};
    case Technique::kMultifd:
    case Technique::kMultifdZlib:
    case Technique::kMultifdZstd:
      return {Capability::kMultifd};
    case Technique::kPostcopy:
    case Technique::kHybrid:
      return {Capability::kPostcopyRam};
    case Technique::kPrecopy:
    case Technique::kStopAndCopy:
    case Technique::kCold:
    case Technique::kColdZstd:
      return {};
  }
  return {};
}

Bytes total_size(const RamLayout& layout) {
  Bytes total;
  for (const RamBlock& block : layout.blocks) total = capped_sum(total, block.size);
  return total;
}

}  // namespace godwit
