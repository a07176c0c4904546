#include "storage.h"

namespace godwit::advise {
namespace {

void forget_total_of(TechniquePrediction& prediction) {
  prediction.technique.storage = true;
  if (!prediction.grounded) return;
  prediction.total_time.reset();
  prediction.humps.clear();
  prediction.why += "; how long its disks take is not known";
}

}  // namespace

void forget_total(Advised& advised) {
  for (TechniquePrediction& one : advised.prediction.predictions) forget_total_of(one);
  if (advised.prediction.advice) advised.prediction.advice->technique.storage = true;
  if (advised.plan) forget_total_of(*advised.plan);
}

}  // namespace godwit::advise
