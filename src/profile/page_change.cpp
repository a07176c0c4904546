#include "page_change.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace godwit::profile {
namespace {

using Page = std::span<const std::byte>;
constexpr std::size_t kWord = 8;

std::size_t leb128_size(std::size_t value) {
  std::size_t size = 1;
  while (value >>= 7) ++size;
  return size;
}

double modified_words(Page before, Page after) {
  std::size_t modified = 0;
  for (std::size_t at = 0; at < before.size(); at += kWord) {
    if (std::memcmp(before.data() + at, after.data() + at, kWord) != 0) ++modified;
  }
  return static_cast<double>(modified * kWord) / static_cast<double>(before.size());
}

}  // namespace

std::size_t xbzrle_size(Page before, Page after) {
  std::size_t size = 0;
  std::size_t at = 0;
  while (at < before.size()) {
    const std::size_t equal_from = at;
    while (at < before.size() && before[at] == after[at]) ++at;
    if (at == before.size()) break;
    const std::size_t differs_from = at;
    while (at < before.size() && before[at] != after[at]) ++at;
    const std::size_t differing = at - differs_from;
    size += leb128_size(differs_from - equal_from) + leb128_size(differing) + differing;
  }
  return size;
}

ChangeSample::ChangeSample(std::size_t positions, PageSize page)
    : page_(static_cast<std::size_t>(page.bytes().count())), pages_(positions * page_) {}

std::span<const std::byte> ChangeSample::kept(std::size_t position) const {
  return std::span(pages_).subspan(position * page_, page_);
}

void ChangeSample::look(std::size_t position, Page page) {
  std::copy(page.begin(), page.end(),
            pages_.begin() + static_cast<std::ptrdiff_t>(position * page_));
}

void ChangeSample::look_changed(std::size_t position, Page page) {
  const Page before = kept(position);
  const std::size_t encoded = xbzrle_size(before, page);
  ++changes_;
  modified_words_ += modified_words(before, page);
  if (encoded > page_) {
    ++overflows_;
  } else {
    xbzrle_bytes_ += static_cast<double>(encoded);
  }
  look(position, page);
}

std::optional<PageChange> ChangeSample::change() const {
  if (changes_ == 0) return std::nullopt;
  PageChange change;
  change.sampled = PageCount(changes_);
  const auto all = static_cast<double>(changes_);
  change.modified_words = Ratio(modified_words_ / all);
  change.xbzrle_overflow = Ratio(static_cast<double>(overflows_) / all);
  if (changes_ > overflows_) {
    change.xbzrle = Bytes(std::llround(xbzrle_bytes_ / static_cast<double>(changes_ - overflows_)));
  }
  return change;
}

}  // namespace godwit::profile
