#include "throughput_meter.h"

#include <algorithm>

#include "godwit/relay/relay.h"

namespace godwit::relay {
namespace {

constexpr std::int64_t kGrains = 6000;
constexpr std::int64_t kGrainNs = 10'000'000;

std::size_t place_of(std::int64_t grain) {
  return static_cast<std::size_t>(grain % kGrains);
}

}  // namespace

std::int64_t ThroughputMeter::grain_of(TimePoint time) {
  return time.time_since_epoch().count() / kGrainNs;
}

ThroughputMeter::ThroughputMeter(TimePoint now)
    : first_(grain_of(now) + 1), newest_(grain_of(now)), ring_(kGrains) {}

void ThroughputMeter::add(TimePoint now, Bytes carried) {
  const std::int64_t grain = grain_of(now);
  for (std::int64_t i = std::max(newest_ + 1, grain - kGrains + 1); i <= grain; ++i) {
    ring_[place_of(i)] = Bytes(0);
  }
  newest_ = std::max(newest_, grain);
  ring_[place_of(grain)] += carried;
}

std::vector<Bytes> ThroughputMeter::last(Seconds window, TimePoint now) const {
  const std::int64_t current = grain_of(now);
  const double grains = std::min(window / kThroughputGrain, static_cast<double>(kGrains - 1));
  const std::int64_t from = std::max(first_, current - static_cast<std::int64_t>(grains + 0.5));
  std::vector<Bytes> carried;
  for (std::int64_t i = from; i < current; ++i) {
    const bool known = i <= newest_ && i > newest_ - kGrains;
    carried.push_back(known ? ring_[place_of(i)] : Bytes(0));
  }
  return carried;
}

}  // namespace godwit::relay
