#include "godwit/guest/page_picker.h"

namespace godwit::guest {

PagePicker::PagePicker(Pattern pattern, std::int64_t pages, std::uint64_t seed)
    : pattern_(pattern), pages_(pages), hot_pages_((pages + 9) / 10), random_(seed) {}

std::int64_t PagePicker::next() {
  switch (pattern_) {
    case Pattern::kSequential:
      return next_sequential();
    case Pattern::kHotCold:
      return next_hot_cold();
    case Pattern::kUniform:
      break;
  }
  return random_.below(pages_);
}

std::int64_t PagePicker::next_sequential() {
  const std::int64_t page = cursor_;
  cursor_ = cursor_ + 1 == pages_ ? 0 : cursor_ + 1;
  return page;
}

std::int64_t PagePicker::next_hot_cold() {
  const std::int64_t cold_pages = pages_ - hot_pages_;
  if (cold_pages == 0 || random_.below(10) != 0) return random_.below(hot_pages_);
  return hot_pages_ + random_.below(cold_pages);
}

}  // namespace godwit::guest
