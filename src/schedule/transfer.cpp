#include "godwit/schedule/transfer.h"

#include <algorithm>
#include <limits>

namespace godwit::schedule {

TransferModel usual_transfer_model() {
  // Fitted: `godwit evaluate --dataset mvm mvm_executions.csv.gz --json`, .constants
  TransferModel model;
  model.goodputs = {{500_Mbit_per_s, 0.930}, {1000_Mbit_per_s, 0.883}};
  model.hot_passes = 1.5;
  model.usually_receives_while_sending = 0.86;
  model.delays_from = 0.85;
  model.fan_in_loss = 0.045;
  model.pause = Seconds(0.3);
  model.error = 0.05;
  return model;
}

BytesPerSecond goodput(const TransferModel& model, BytesPerSecond planned) {
  const auto above = std::find_if(model.goodputs.begin(), model.goodputs.end(),
                                  [&](const Goodput& known) { return known.planned >= planned; });
  double share = 0;
  if (above == model.goodputs.end()) {
    share = model.goodputs.back().share;
  } else if (above == model.goodputs.begin()) {
    share = above->share;
  } else {
    const Goodput& below = *(above - 1);
    const double way = (planned - below.planned) / (above->planned - below.planned);
    share = below.share + way * (above->share - below.share);
  }
  return planned * Ratio(share);
}

double bytes_to_send(const TransferModel& model, const MemoryLoad& load) {
  return load.memory.as_double() + model.hot_passes * load.hot.as_double();
}

Seconds duration(const TransferModel& model, const MemoryLoad& load, BytesPerSecond planned) {
  const double rate = goodput(model, planned).value() - load.cold.value();
  if (rate <= 0) return Seconds(std::numeric_limits<double>::infinity());
  return Seconds(bytes_to_send(model, load) / rate);
}

}  // namespace godwit::schedule
