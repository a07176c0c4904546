// Instances come from anywhere: any bytes are one, or an error that says why not; and one that is
// read is planned.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "godwit/schedule/plan.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto instance = godwit::schedule::read_instance(text);
  if (!instance) {
    if (instance.error().message.empty()) std::abort();
    return 0;
  }
  godwit::Rng rng(1);
  const auto plan =
      godwit::schedule::make_plan(instance->problem, godwit::schedule::usual_transfer_model(), rng);
  if (!plan && plan.error().message.empty()) std::abort();
  return 0;
}
