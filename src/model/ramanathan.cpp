#include "godwit/model/ramanathan.h"

namespace godwit::model {
namespace {

// Section 2.1: "a sleep of 10 ms after continuously installing traces for 400 MB of memory".
constexpr Bytes kTraceBatch(400'000'000);
constexpr Seconds kTraceSleep(0.010);

}  // namespace

Seconds ramanathan_trace_install(Bytes memory, PageSize page_size, Seconds trace_per_page) {
  const auto batches = memory.count() / kTraceBatch.count();
  return trace_per_page * page_size.pages_for(memory).as_double() +
         kTraceSleep * static_cast<double>(batches);
}

bool ramanathan_converges(BytesPerSecond transmit_rate, BytesPerSecond dirty_rate) {
  return dirty_rate < transmit_rate;
}

std::optional<RamanathanEstimate> ramanathan_estimate(const RamanathanVm& vm) {
  if (!ramanathan_converges(vm.transmit_rate, vm.dirty_rate)) return std::nullopt;
  RamanathanEstimate estimate;
  estimate.trace_install = ramanathan_trace_install(vm.memory, vm.page_size, vm.trace_per_page);
  estimate.send = vm.memory / (vm.transmit_rate - vm.dirty_rate);
  estimate.precopy = estimate.trace_install + estimate.send;
  estimate.total = estimate.precopy + vm.switchover;
  return estimate;
}

Ratio ramanathan_sdps_speed(BytesPerSecond transmit_rate, BytesPerSecond dirty_rate, Ratio margin) {
  const BytesPerSecond bearable = transmit_rate * margin;
  return dirty_rate <= bearable ? Ratio(1) : Ratio(bearable / dirty_rate);
}

Seconds ramanathan_user_time(Seconds management_overhead, Seconds migration) {
  return management_overhead + migration;
}

}  // namespace godwit::model
