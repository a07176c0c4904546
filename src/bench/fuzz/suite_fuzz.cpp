#include <cstdlib>
#include <string_view>

#include "godwit/bench/suite.h"

/// Any bytes are a suite, or kBadInput with what to do.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto suite = godwit::bench::parse_suite({reinterpret_cast<const char*>(data), size});
  if (suite && suite->cells.empty()) std::abort();
  if (!suite &&
      (suite.error().code != godwit::ErrorCode::kBadInput || suite.error().what_to_do.empty())) {
    std::abort();
  }
  return 0;
}
