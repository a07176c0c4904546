#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "godwit/base/clock.h"
#include "godwit/base/rng.h"
#include "godwit/domain/ports.h"
#include "godwit/profile/observe.h"

namespace godwit::profile {

/// A guest whose pages change by a known process, as time passes on a ManualClock. A page's content
/// is made of its version; pages of version 0 hold zeros.
class SyntheticGuest final : public GuestMemory {
 public:
  SyntheticGuest(ManualClock& clock, std::int64_t pages)
      : clock_(clock), start_(clock.now()), versions_(static_cast<std::size_t>(pages)) {
    layout_.pid = 1;
    const Bytes half = layout_.page_size.bytes_of(PageCount(pages / 2));
    const Bytes rest = layout_.page_size.bytes_of(PageCount(pages - pages / 2));
    layout_.blocks = {{"a", half, 0x10000000}, {"b", rest, 0x90000000}};
    if (half.count() == 0) layout_.blocks.erase(layout_.blocks.begin());
  }

  /// Pages [from, to) hold something from the start.
  void fill(std::int64_t from, std::int64_t to) {
    for (std::int64_t page = from; page < to; ++page) ++version(page);
  }
  /// From now on, pages [from, to) are different whenever they are looked at.
  void always_write(std::int64_t from, std::int64_t to) { hot_from_ = from, hot_to_ = to; }
  /// Page writes at random over the first `set` pages, as a Poisson process.
  void write_at_random(std::int64_t set, double per_second, std::uint64_t seed) {
    writer_.emplace(Writer{Rng(seed), set, per_second, start_});
    writer_->schedule();
  }
  /// At `at` after the start, `what` happens.
  void at(Seconds at, std::function<void(SyntheticGuest&)> what) {
    events_.push_back({start_ + at, std::move(what)});
  }
  std::int64_t& version(std::int64_t page) { return versions_[static_cast<std::size_t>(page)]; }
  /// Stores to pages that leave them as they were.
  void store_silently(std::int64_t from, std::int64_t to) { silent_stores += to - from; }
  void exit() { exited_ = true; }

  Seconds cpu_per_page{0};
  std::optional<double> vcpus_busy;
  std::int64_t silent_stores = 0;
  std::int64_t pages_read = 0;
  std::vector<TimePoint> reads;          ///< when visit_pages was called
  std::vector<std::size_t> pages_asked;  ///< each time

  [[nodiscard]] const RamLayout& layout() const override { return layout_; }

  Result<void> visit_pages(std::span<const std::int64_t> pages, const PageVisitor& visit) override {
    reads.push_back(clock_.now());
    pages_asked.push_back(pages.size());
    live();
    if (exited_) return fail(ErrorCode::kPeerGone, "the VM has ended");
    std::vector<std::byte> content(4096);
    for (std::size_t i = 0; i < pages.size(); ++i) {
      ++pages_read;
      const std::int64_t now_and_page[2] = {version_now(pages[i]), pages[i]};
      std::memset(content.data(), 0, content.size());
      if (now_and_page[0] != 0) {
        std::memcpy(content.data() + 2048, now_and_page, sizeof now_and_page);
      }
      visit(i, content);
    }
    return {};
  }
  Result<std::optional<Seconds>> vcpu_time() override {
    if (exited_) return fail(ErrorCode::kPeerGone, "the VM has ended");
    if (!vcpus_busy) return std::optional<Seconds>{};
    return std::optional(Seconds(5) + (clock_.now() - start_) * *vcpus_busy);
  }
  [[nodiscard]] Seconds own_cpu_time() const override {
    return cpu_per_page * static_cast<double>(pages_read);
  }
  [[nodiscard]] std::optional<int> host_cpus() const override { return 48; }

 private:
  struct Writer {
    Rng rng;
    std::int64_t set;
    double per_second;
    TimePoint next;
    void schedule() { next = next + Seconds(-std::log1p(-rng.uniform()) / per_second); }
  };
  struct Event {
    TimePoint at;
    std::function<void(SyntheticGuest&)> what;
  };

  void live() {
    const TimePoint now = clock_.now();
    while (writer_ && writer_->next <= now) {
      ++version(writer_->rng.below(writer_->set));
      writer_->schedule();
    }
    for (Event& event : events_) {
      if (event.what && event.at <= now) std::exchange(event.what, nullptr)(*this);
    }
  }
  std::int64_t version_now(std::int64_t page) {
    if (page >= hot_from_ && page < hot_to_) ++version(page);
    return version(page);
  }

  ManualClock& clock_;
  TimePoint start_;
  RamLayout layout_;
  std::vector<std::int64_t> versions_;
  std::int64_t hot_from_ = 0;
  std::int64_t hot_to_ = 0;
  std::optional<Writer> writer_;
  std::vector<Event> events_;
  bool exited_ = false;
};

/// A guest of so many pages on a clock of its own.
struct Bench {
  explicit Bench(std::int64_t pages) : guest(clock, pages) {}
  Result<GuestProfile> observe(const ObserveOptions& options, std::uint64_t seed = 1) {
    Rng rng(seed);
    return profile::observe(guest, clock, rng, options, {}, {});
  }
  ManualClock clock;
  SyntheticGuest guest;
};

}  // namespace godwit::profile
