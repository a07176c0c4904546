// What the threads of guest-load share: counters only, so that none ever waits for another.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <string>
#include <utility>

#include "godwit/guest/load_plan.h"
#include "godwit/guest/report.h"

namespace godwit::guest {

// A counter with one writer: a load and a store, no locked instruction.
inline void add(std::atomic<std::int64_t>& counter, std::int64_t amount) {
  counter.store(counter.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
}

// Of one load; its slot is used again by the next plan.
struct Counters {
  std::atomic<LoadKind> kind{LoadKind::kIdle};
  std::atomic<std::int64_t> work{0};       // never set back: the sum over all slots is monotone
  std::atomic<std::int64_t> work_base{0};  // `work` when this load began
  std::atomic<std::int64_t> lost{-1};      // below zero: this load does not count it
  std::atomic<std::int64_t> out_of_order{-1};
  std::atomic<const std::string*> failed{nullptr};  // what ended it
  std::atomic<bool> ticking{false};                 // each tick is one unit of its work

  // For a new load, before its thread begins.
  void begin(LoadKind of) {
    kind = of;
    work_base = work.load();
    lost = -1;
    out_of_order = -1;
    failed = nullptr;
  }

  // From its own thread, once at most.
  void fail(std::string why) { failed = &reasons_.emplace_back(std::move(why)); }

 private:
  std::deque<std::string> reasons_;  // kept, as the reporter may be reading one
};

struct Telemetry {
  std::atomic<State> state{State::kFilling};
  std::atomic<std::int64_t> changes{0};
  std::atomic<std::size_t> loads{0};  // slots in use, from the first
  std::array<Counters, kMostLoads> slots;
  GapMeter gaps;

  // Of everything, whatever the load was then.
  [[nodiscard]] std::int64_t work() const {
    std::int64_t sum = 0;
    for (const Counters& slot : slots) sum += slot.work.load(std::memory_order_relaxed);
    return sum;
  }
};

}  // namespace godwit::guest
