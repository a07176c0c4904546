// A command line of anybody's process, as the program with a right of its own reads it.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "monitor_proof.h"

/// The first line is the socket's path, the rest the command line.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using godwit::guestmem::serves_qmp_at;
  const std::string_view all(reinterpret_cast<const char*>(data), size);
  const std::string_view path = all.substr(0, all.find('\n'));
  const std::string_view words = all.substr(std::min(path.size() + 1, all.size()));
  static_cast<void>(godwit::guestmem::is_qemu_program(path));
  // What is granted stands there, word for word.
  if (serves_qmp_at(words, path) && words.find(path) == std::string_view::npos) std::abort();
  if (serves_qmp_at(words, "")) std::abort();
  return 0;
}
