#include "godwit/domain/hypervisor.h"
#include "godwit/domain/prediction.h"

namespace godwit {

const TechniquePrediction* find(const Prediction& prediction, Technique technique) {
  for (const TechniquePrediction& one : prediction.predictions) {
    if (one.technique == technique) return &one;
  }
  return nullptr;
}

Bytes total_size(const RamLayout& layout) {
  Bytes total;
  for (const RamBlock& block : layout.blocks) total += block.size;
  return total;
}

}  // namespace godwit
