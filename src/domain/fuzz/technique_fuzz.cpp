#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "godwit/domain/combination_rule.h"
#include "godwit/domain/technique.h"

/// Any bytes are a technique or kBadInput; one that was read is written and read back the same, and
/// is possible or refused as an input.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto technique =
      godwit::parse_technique(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!technique) {
    if (technique.error().code != godwit::ErrorCode::kBadInput) std::abort();
    return 0;
  }
  const auto again = godwit::parse_technique(to_string(*technique));
  if (!again || *again != *technique) std::abort();
  const auto verdict = godwit::check_combination(*technique);
  if (!verdict && verdict.error().code != godwit::ErrorCode::kBadInput) std::abort();
  return 0;
}
