// Which page a load writes next.
#pragma once

#include <cstdint>

#include "godwit/guest/load_spec.h"
#include "godwit/guest/random.h"

namespace godwit::guest {

// hot-cold: 90 % of the writes go to the first tenth of the pages (rounded up, at least one), the
// rest to the others; uniform within each. Single-threaded.
class PagePicker {
 public:
  // `pages` > 0.
  PagePicker(Pattern pattern, std::int64_t pages, std::uint64_t seed);

  [[nodiscard]] std::int64_t next();
  [[nodiscard]] std::int64_t hot_pages() const { return hot_pages_; }

 private:
  [[nodiscard]] std::int64_t next_sequential();
  [[nodiscard]] std::int64_t next_hot_cold();

  Pattern pattern_;
  std::int64_t pages_;
  std::int64_t hot_pages_;
  std::int64_t cursor_ = 0;
  Random random_;
};

}  // namespace godwit::guest
