#include "godwit/libvirt/event_queue.h"

#include <algorithm>
#include <utility>

namespace godwit::libvirt {

void EventQueue::push(DomainEvent event) {
  event.wall_us = clock_.wall_us();
  {
    const std::scoped_lock lock(mutex_);
    events_.push_back(std::move(event));
  }
  changed_.notify_all();
}

void EventQueue::wake() {
  {
    const std::scoped_lock lock(mutex_);
    woken_ = true;
  }
  changed_.notify_all();
}

std::optional<DomainEvent> EventQueue::next(const Clock& clock, TimePoint deadline) {
  std::unique_lock lock(mutex_);
  const Seconds patience = std::max(deadline - clock.now(), Seconds(0));
  changed_.wait_for(lock, patience, [this] { return !events_.empty() || woken_; });
  woken_ = false;
  if (events_.empty()) return std::nullopt;
  DomainEvent event = std::move(events_.front());
  events_.pop_front();
  return event;
}

}  // namespace godwit::libvirt
