#include "page_watch.h"

#include <algorithm>
#include <numeric>
#include <span>
#include <utility>

#include "look_plan.h"
#include "page_hash.h"

namespace godwit::profile {
namespace {

/// Pages that have not changed yet wait for so many slots: half a second.
constexpr std::size_t kTurns = 16;

double in_chunks(std::size_t pages) {
  return static_cast<double>(pages) / static_cast<double>(kChunkPages);
}

}  // namespace

PageWatch::PageWatch(std::vector<std::int64_t> pages, std::size_t looks, Rng& rng)
    : by_rank_(pages.size()), kept_(pages.size()), planned_(looks) {
  for (const std::int64_t index : pages) pages_.push_back({.index = index, .changed = {}});
  std::iota(by_rank_.begin(), by_rank_.end(), 0U);
  rng.shuffle(by_rank_);
  for (std::size_t rank = 0; rank < by_rank_.size(); ++rank) pages_[by_rank_[rank]].rank = rank;
}

double PageWatch::chunks() const {
  return in_chunks(read_);
}
double PageWatch::chunks_left() const {
  return in_chunks((planned_ - looks_) * static_cast<std::size_t>(kReadsPerSlot));
}

bool PageWatch::is_due(const Page& page, std::size_t place) const {
  return page.rank < kept_ &&
         (looks_ == 0 || page.has_changed || place % kTurns == looks_ % kTurns);
}

Result<void> PageWatch::look(GuestMemory& memory, TimePoint now) {
  std::vector<std::int64_t> indices;
  std::vector<Page*> due;
  for (std::size_t place = 0; place < pages_.size(); ++place) {
    Page& page = pages_[place];
    if (looks_ > 0) page.changed.push_back(false);
    if (!is_due(page, place)) continue;
    indices.push_back(page.index);
    due.push_back(&page);
  }
  GODWIT_CHECK_OK(memory.visit_pages(indices, [&](std::size_t i, std::span<const std::byte> bytes) {
    const std::uint64_t hash = page_hash(bytes);
    Page& page = *due[i];
    if (looks_ > 0 && hash != page.hash) page.has_changed = page.changed.back() = true;
    page.hash = hash;
  }));
  times_.push_back(now);
  read_ = indices.size();
  ++looks_;
  keep_what_is_affordable();
  return {};
}

void PageWatch::keep_what_is_affordable() {
  std::size_t changed = 0;
  for (const Page& page : pages_) changed += page.rank < kept_ && page.has_changed ? 1 : 0;
  const auto cost = [&] { return changed + (kept_ - changed + kTurns - 1) / kTurns; };
  while (kept_ > 1 && cost() > static_cast<std::size_t>(kReadsPerSlot)) {
    if (pages_[by_rank_[--kept_]].has_changed) --changed;
  }
}

std::optional<WriteTrace> PageWatch::trace() const {
  if (looks_ < kTurns + 2) return std::nullopt;
  WriteTrace trace;
  trace.slots = static_cast<int>(looks_ - 1 - kTurns);
  trace.slot = (times_.back() - times_[kTurns]) / static_cast<double>(trace.slots);
  trace.pages = PageCount(static_cast<std::int64_t>(kept_));
  for (const Page& page : pages_) {
    const auto first = page.changed.begin() + static_cast<std::ptrdiff_t>(kTurns);
    const bool changed = std::find(first, page.changed.end(), true) != page.changed.end();
    if (page.rank < kept_ && changed) trace.changed.emplace_back(first, page.changed.end());
  }
  return trace;
}

}  // namespace godwit::profile
