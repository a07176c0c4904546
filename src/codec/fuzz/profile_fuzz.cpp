#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string_view>

#include "godwit/codec/codec.h"

/// Any bytes are a profile or kCorrupt; a profile that was read is written and read back the same.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto json = godwit::parse_json({reinterpret_cast<const char*>(data), size});
  if (!json) return 0;
  const auto profile = godwit::profile_from_json(*json);
  if (!profile) {
    if (profile.error().code != godwit::ErrorCode::kCorrupt) std::abort();
    return 0;
  }
  const auto again = godwit::profile_from_json(godwit::to_json(*profile));
  if (!again || *again != *profile) std::abort();
  return 0;
}
