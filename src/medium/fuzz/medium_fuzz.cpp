#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "godwit/medium/medium.h"

/// Any bytes may be the name of a disk's file, and what is behind it is the same medium as itself,
/// or nobody can tell.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  godwit::Disk disk;
  disk.file = std::string_view(reinterpret_cast<const char*>(data), size);
  const godwit::Medium medium = godwit::medium_of(disk);
  if (godwit::is_one_medium(medium, medium) == false) std::abort();
  (void)godwit::fd_set_of(disk);
  return 0;
}
