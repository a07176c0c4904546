#include "guest_watch.h"

#include <algorithm>
#include <stdexcept>

#include "patience.h"

namespace godwit::e2e {

GuestWatch::GuestWatch(const std::string& source, const std::string& destination, Clock& clock)
    : clock_(clock) {
  for (const Side side : {Side::kSource, Side::kDestination}) {
    const std::string& path = side == Side::kSource ? source : destination;
    const TimePoint deadline = clock.now() + Seconds(20);
    auto client = qmp::QmpClient::connect(path, clock, deadline);
    if (!client) throw std::runtime_error(client.error().message);
    const auto status = client->execute("query-status", Json::object(), deadline);
    if (!status) throw std::runtime_error(status.error().message);
    if (status->at("running") == true) begin(side, clock.wall_us());
    threads_.emplace_back(
        [this, side, held = std::move(*client)](const std::stop_token& stop) mutable {
          look_on(stop, std::move(held), side);
        });
  }
}

GuestWatch::~GuestWatch() {
  for (std::jthread& one : threads_) one.request_stop();
}

void GuestWatch::look_on(const std::stop_token& stop, qmp::QmpClient client, Side side) {
  while (!stop.stop_requested()) {
    const auto event = client.next_event(clock_.now() + Seconds(0.1));
    if (!event) break;  // that QEMU is gone
    if (*event) note(side, **event);
  }
  if (stop.stop_requested()) return;
  const std::lock_guard lock(mutex_);
  end(side, clock_.wall_us());
}

void GuestWatch::note(Side side, const qmp::QmpEvent& event) {
  {
    const std::lock_guard lock(mutex_);
    if (event.name == "RESUME") begin(side, event.wall_us);
    if (event.name == "STOP") end(side, event.wall_us);
    of(side).events.push_back(event);
  }
  news_.notify_all();
}

void GuestWatch::begin(Side side, std::int64_t at_us) {
  auto& ran = of(side).ran;
  if (ran.empty() || ran.back().to_us) ran.push_back({at_us});
}

void GuestWatch::end(Side side, std::int64_t at_us) {
  auto& ran = of(side).ran;
  if (!ran.empty() && !ran.back().to_us) ran.back().to_us = at_us;
}

Seconds GuestWatch::two_ran() const {
  const std::lock_guard lock(mutex_);
  const std::int64_t now = clock_.wall_us();
  std::int64_t both_us = 0;
  for (const Span& here : source_.ran) {
    for (const Span& there : destination_.ran) {
      const std::int64_t from = std::max(here.from_us, there.from_us);
      const std::int64_t to = std::min(here.to_us.value_or(now), there.to_us.value_or(now));
      both_us += std::max<std::int64_t>(0, to - from);
    }
  }
  return Seconds(static_cast<double>(both_us) * 1e-6);
}

int GuestWatch::count(Side side, const std::string& event) const {
  const std::lock_guard lock(mutex_);
  const auto& events = of(side).events;
  return static_cast<int>(std::count_if(events.begin(), events.end(),
                                        [&](const auto& one) { return one.name == event; }));
}

bool GuestWatch::await(Side side, const std::string& event) {
  std::unique_lock lock(mutex_);
  return news_.wait_for(lock, kPatience, [&] {
    const auto& events = of(side).events;
    return std::any_of(events.begin(), events.end(),
                       [&](const auto& one) { return one.name == event; });
  });
}

}  // namespace godwit::e2e
