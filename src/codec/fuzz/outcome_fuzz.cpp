#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string_view>

#include "godwit/codec/codec.h"

/// Any bytes are a record (an outcome with its profile and prediction) or kCorrupt; what was read
/// can be written, and stays the same from then on.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto json = godwit::parse_json({reinterpret_cast<const char*>(data), size});
  if (!json) return 0;
  const auto record = godwit::record_from_json(*json);
  if (!record) {
    if (record.error().code != godwit::ErrorCode::kCorrupt) std::abort();
    return 0;
  }
  const auto again = godwit::record_from_json(godwit::to_json(*record));
  if (!again || godwit::to_json(*again) != godwit::to_json(*record)) std::abort();
  return 0;
}
