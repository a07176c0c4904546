#include "over_link.h"

namespace godwit::twin {
namespace {

void shift(Interval<Seconds>& interval, Seconds by) {
  for (Seconds* bound : {&interval.p05, &interval.p50, &interval.p95}) *bound += by;
}

}  // namespace

HostPairConstants over(HostPairConstants pair, const Link& link) {
  const Seconds round_trip = link.round_trip.value_or(Seconds(0));
  shift(pair.overhead, round_trip * 2);
  for (auto* until_it_runs : {&pair.resume, &pair.client, &pair.postcopy_resume}) {
    shift(*until_it_runs, round_trip / 2);
  }
  pair.fault_cost += round_trip;
  return pair;
}

}  // namespace godwit::twin
