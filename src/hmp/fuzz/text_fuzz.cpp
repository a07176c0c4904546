// Any text in the place of the human monitor's.
#include <cstdint>
#include <string_view>

#include "godwit/hmp/qtree.h"
#include "godwit/hmp/ramblock.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  static_cast<void>(godwit::hmp::parse_ramblock(text));
  static_cast<void>(godwit::hmp::parse_mtree(text));
  static_cast<void>(godwit::hmp::parse_gpa2hva(text));
  static_cast<void>(godwit::hmp::parse_qtree(text));
  return 0;
}
