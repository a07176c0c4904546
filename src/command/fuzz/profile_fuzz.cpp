#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "godwit/command/profile.h"

/// Any bytes are a profile that says how to migrate and how to look, or kBadInput with what to do.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto profile = godwit::command::parse_profile({reinterpret_cast<const char*>(data), size});
  if (profile && (profile->migrate.empty() || profile->status.empty() || profile->running.empty() ||
                  profile->absent.empty())) {
    std::abort();
  }
  if (!profile && (profile.error().code != godwit::ErrorCode::kBadInput ||
                   profile.error().what_to_do.empty())) {
    std::abort();
  }
  return 0;
}
