#include <cstdint>
#include <cstdlib>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "godwit/hosts/intent_file.h"

/// Any bytes are intents in which no two VMs are to be both together and apart, or kBadInput with
/// what to do.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::int64_t kNow = 1'795'809'600'000'000;
  const auto file = godwit::hosts::parse_intent_file({reinterpret_cast<const char*>(data), size},
                                                     godwit::Intent(), kNow);
  if (!file &&
      (file.error().code != godwit::ErrorCode::kBadInput || file.error().what_to_do.empty())) {
    std::abort();
  }
  if (!file) return 0;
  std::set<std::pair<std::string, std::string>> both;
  for (const auto& [vm, one] : file->vms) {
    if (one.line == 0) std::abort();
    if (one.apart.empty() || one.together.empty()) continue;
    if (!both.emplace(one.apart, one.together).second) std::abort();
  }
  return 0;
}
