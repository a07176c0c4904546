#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "godwit/domain/address.h"

/// Any bytes are a destination or kBadInput; one that was read is written and read back the same,
/// as a VM is.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto vm = godwit::parse_vm(text);
  const auto vm_again = vm ? godwit::parse_vm(godwit::to_string(*vm)) : vm;
  if (vm && (!vm_again || *vm_again != *vm)) std::abort();
  const auto address = godwit::parse_destination(text);
  if (!address) {
    if (address.error().code != godwit::ErrorCode::kBadInput) std::abort();
    return 0;
  }
  const auto again = godwit::parse_destination(godwit::to_string(*address));
  if (!again || *again != *address) std::abort();
  return 0;
}
