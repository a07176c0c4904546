#include "page_watch.h"

#include <algorithm>
#include <span>
#include <utility>

#include "look_plan.h"
#include "page_hash.h"

namespace godwit::profile {

PageWatch::PageWatch(std::vector<std::int64_t> pages, std::size_t looks)
    : pages_(std::move(pages)), planned_(looks), hashes_(pages_.size()), changed_(pages_.size()) {}

double PageWatch::chunks() const {
  return static_cast<double>(pages_.size()) / static_cast<double>(kChunkPages);
}

Result<void> PageWatch::look(GuestMemory& memory, TimePoint now) {
  if (looks_++ == 0) first_ = now;
  last_ = now;
  return memory.visit_pages(pages_, [this](std::size_t i, std::span<const std::byte> page) {
    const std::uint64_t hash = page_hash(page);
    if (looks_ > 1) changed_[i].push_back(hash != hashes_[i]);
    hashes_[i] = hash;
  });
}

std::optional<WriteTrace> PageWatch::trace() const {
  if (looks_ < 2) return std::nullopt;
  WriteTrace trace;
  trace.slots = static_cast<int>(looks_ - 1);
  trace.slot = (last_ - first_) / static_cast<double>(trace.slots);
  trace.pages = PageCount(static_cast<std::int64_t>(pages_.size()));
  for (const std::vector<bool>& page : changed_) {
    if (std::find(page.begin(), page.end(), true) != page.end()) trace.changed.push_back(page);
  }
  return trace;
}

}  // namespace godwit::profile
