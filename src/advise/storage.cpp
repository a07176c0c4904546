#include "godwit/advise/storage.h"

#include <fmt/format.h>

#include "godwit/base/quantity.h"

namespace godwit::advise {

std::optional<Seconds> mirror_time(const std::vector<Disk>& disks, const Link& link,
                                   std::optional<Ratio> share) {
  Bytes held;
  for (const Disk& disk : disks) {
    if (!disk.writable) continue;
    if (!disk.allocated) return std::nullopt;
    held = capped_sum(held, *disk.allocated);
  }
  if (link.rate.value() <= 0) return std::nullopt;
  return held / link.rate * share.value_or(Ratio(1)).value();
}

void add_storage(TechniquePrediction& prediction, std::optional<Seconds> mirror_time) {
  prediction.technique.storage = true;
  if (!prediction.grounded) return;
  if (!mirror_time) {
    prediction.total_time.reset();
    prediction.humps.clear();
    prediction.why += "; how long its disks take is not known";
    return;
  }
  prediction.why += fmt::format("; its disks take {} before, more if it writes to them meanwhile",
                                human(*mirror_time));
  const auto later = [&](Interval<Seconds>& time) {
    for (Seconds* bound : {&time.p50, &time.p05, &time.p95}) *bound += *mirror_time;
  };
  if (prediction.total_time) later(*prediction.total_time);
  for (Hump& hump : prediction.humps) later(hump.total_time);
}

void add_storage(Advised& advised, std::optional<Seconds> mirror_time) {
  for (TechniquePrediction& one : advised.prediction.predictions) add_storage(one, mirror_time);
  if (advised.prediction.advice) advised.prediction.advice->technique.storage = true;
  if (advised.plan) add_storage(*advised.plan, mirror_time);
}

}  // namespace godwit::advise
