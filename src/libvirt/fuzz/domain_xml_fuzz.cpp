#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "godwit/libvirt/domain_xml.h"

/// Any bytes are a domain's description or kCorrupt; sizes are never negative.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  (void)godwit::libvirt::host_uuid_of(text);
  const auto domain = godwit::libvirt::parse_domain(text);
  if (!domain) {
    if (domain.error().code != godwit::ErrorCode::kCorrupt) std::abort();
    return 0;
  }
  for (const godwit::Bytes block : domain->memory_blocks) {
    if (block < godwit::Bytes() || block > godwit::kMostBytes) std::abort();
  }
  return 0;
}
