#include "disk_extents.h"

#include <unistd.h>

#include <cerrno>

namespace godwit::lab {

Result<std::vector<Extent>> extents_of(off_t size, const Seek& seek) {
  std::vector<Extent> extents;
  for (off_t at = 0; at < size;) {
    const off_t begin = seek(at, SEEK_DATA);
    if (begin < 0 && errno == ENXIO) break;  // a hole up to the end
    if (begin < 0) return fail(errno_error("looking for what a disk holds", errno));
    const off_t end = seek(begin, SEEK_HOLE);
    if (end < 0) return fail(errno_error("looking for a disk's holes", errno));
    if (begin < at || end <= begin) {
      return fail(ErrorCode::kCorrupt, "a disk's list of holes makes no sense");
    }
    extents.push_back({begin, end});
    at = end;
  }
  return extents;
}

}  // namespace godwit::lab
