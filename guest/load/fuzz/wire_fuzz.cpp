#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "godwit/guest/http.h"
#include "godwit/guest/message.h"

/// What reaches the guest's open ports: requests, and messages as senders send them.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(static_cast<const char*>(static_cast<const void*>(data)), size);
  const auto request = godwit::guest::read_http_request(bytes);
  if (request.bytes > size) std::abort();
  (void)godwit::guest::http_head(request, 1);
  godwit::guest::SequenceCount count;
  for (std::string_view rest = bytes; !rest.empty();) {
    const auto header = godwit::guest::read_header(rest);
    if (!header || header->length > rest.size()) break;
    count.take(header->stream, header->sequence);
    rest.remove_prefix(header->length);
  }
  if (count.lost() < 0) std::abort();
  return 0;
}
