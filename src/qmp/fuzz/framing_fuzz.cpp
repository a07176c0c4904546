// Any bytes, cut into pieces as the first byte says: messages come out as they went in, and
// within the bound.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "godwit/qmp/framing.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  constexpr std::size_t kBound = 256;
  const std::size_t piece = 1U + data[0];
  std::string_view left(reinterpret_cast<const char*>(data) + 1, size - 1);
  godwit::qmp::MessageSplitter whole(kBound);
  godwit::qmp::MessageSplitter pieces(kBound);
  whole.feed(left);
  while (true) {
    const auto expected = whole.next();
    auto line = pieces.next();
    while (line && !*line && !left.empty()) {
      pieces.feed(left.substr(0, piece));
      left.remove_prefix(std::min(piece, left.size()));
      line = pieces.next();
    }
    if (expected.has_value() != line.has_value()) std::abort();
    if (!expected) return 0;
    if (*expected != *line) std::abort();
    if (!*expected) return 0;
    if ((*expected)->size() > kBound) std::abort();
  }
}
