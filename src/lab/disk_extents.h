#pragma once

#include <sys/types.h>

#include <functional>
#include <vector>

#include "godwit/base/error.h"

namespace godwit::lab {

/// A stretch of a file that holds something.
struct Extent {
  off_t begin = 0;
  off_t end = 0;
  friend bool operator==(const Extent&, const Extent&) = default;
};

/// As `lseek` of a file: -1 and errno on failure.
using Seek = std::function<off_t(off_t at, int whence)>;

/// Where a file of that size has content; one that can't tell holes is all content. A list that
/// breaks off would be a short copy, so whatever is wrong is an error.
Result<std::vector<Extent>> extents_of(off_t size, const Seek& seek);

}  // namespace godwit::lab
