#include "chance.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "godwit/base/rng.h"
#include "godwit/base/statistics.h"

namespace godwit::twin {
namespace {

// The bounds of a 90 % interval, as places in the threshold's range.
constexpr double kEarly = 0.05;
constexpr double kMiddle = 0.5;
constexpr double kLate = 0.95;
/// Data at the end of RAM reaches at most so many times as far as it mostly does.
constexpr double kMostAtEnd = 4;
/// What is off by more than to this factor is another link, or another guest.
constexpr double kLeastFactor = 0.5;

double number(Seconds seconds) {
  return seconds.count();
}
double number(double value) {
  return value;
}

/// The constants at one place of their intervals; `place`: of Interval<T> to T.
template <class Place>
Chance constants_at(const HostPairConstants& pair, const Place& place) {
  Chance c;
  c.overhead = number(place(pair.overhead));
  c.device_state = number(place(pair.device_state));
  c.resume = number(place(pair.resume));
  c.client = number(place(pair.client));
  c.postcopy_stop = number(place(pair.postcopy_stop));
  c.postcopy_resume = number(place(pair.postcopy_resume));
  c.faults_at_once = number(place(pair.faults_at_once));
  c.faults_after_pass = number(place(pair.faults_after_pass));
  c.still_waits = number(place(pair.still_waits));
  c.brownout = number(place(pair.brownout));
  return c;
}

Chance likely_chance(const HostPairConstants& pair) {
  Chance c = constants_at(pair, [](const auto& interval) { return interval.p50; });
  c.speed = 1;
  c.phase = kMiddle;
  c.data_at_end = 1;
  return c;
}

/// One stratified column of standard normal values, in random order.
class Column {
 public:
  Column(Rng& rng, int draws) : places_(static_cast<std::size_t>(draws)) {
    std::iota(places_.begin(), places_.end(), 0.0);
    rng.shuffle(places_);
    for (double& place : places_) place = (place + rng.uniform()) / draws;
  }
  /// In (0, 1).
  [[nodiscard]] double uniform(std::size_t i) const {
    return std::clamp(places_[i], 1e-9, 1 - 1e-9);
  }
  [[nodiscard]] double normal(std::size_t i) const { return normal_quantile(uniform(i)); }

 private:
  std::vector<double> places_;
};

/// A value of a skewed quantity: normal on either side of its median. What cannot be negative is
/// not.
template <class T>
T at(const Interval<T>& interval, double z) {
  const double share = z / kNormal95;
  const T value = share < 0 ? interval.p50 + (interval.p50 - interval.p05) * share
                            : interval.p50 + (interval.p95 - interval.p50) * share;
  return interval.p05 < T{} ? value : std::max(T{}, value);
}

}  // namespace

double normal_quantile(double p) {
  const double tail = std::min(p, 1 - p);
  const double t = std::sqrt(-2 * std::log(tail));
  const double z = t - (2.515517 + t * (0.802853 + t * 0.010328)) /
                           (1 + t * (1.432788 + t * (0.189269 + t * 0.001308)));
  return p < 0.5 ? -z : z;
}

Chances corner_chances(const HostPairConstants& pair, const model::DirtyCurve& curve) {
  Chance light = constants_at(pair, [](const auto& interval) { return interval.p05; });
  light.speed = 1 + pair.rate_error.value();
  light.phase = kEarly;
  light.data_at_end = 0;
  light.stream = std::max(kLeastFactor, 1 - pair.stream_error.value());
  Chance heavy = constants_at(pair, [](const auto& interval) { return interval.p95; });
  heavy.speed = std::max(kLeastFactor, 1 - pair.rate_error.value());
  heavy.phase = kLate;
  heavy.data_at_end = kMostAtEnd;
  heavy.stream = 1 + pair.stream_error.value();
  light.coding = 1 - pair.coding_error.value();
  light.processors = pair.processors.p95 / pair.processors.p50;
  light.cpu = 1 - pair.cpu_error.value();
  heavy.cpu = 1 + pair.cpu_error.value();
  heavy.coding = 1 + pair.coding_error.value();
  heavy.processors = pair.processors.p05 / pair.processors.p50;
  // Where between two looks the threshold is met decides how much is left; how fast the guest
  // writes may decide either way, as it moves that moment. So each end of that, and the middle,
  // too.
  Chances all{{likely_chance(pair), light, heavy}, {curve.likely(), curve.low(), curve.high()}};
  for (const double phase : {kEarly, kMiddle, kLate}) {
    for (Chance c : {light, heavy}) {
      c.phase = phase;
      c.speed = 1;
      all.chances.push_back(c);
      all.growths.push_back(curve.likely());
    }
  }
  return all;
}

Chances drawn_chances(const HostPairConstants& pair, const model::DirtyCurve& curve, int draws,
                      std::uint64_t seed) {
  Rng rng(seed);
  const auto column = [&] { return Column(rng, draws); };
  const Column growth = column(), speed = column(), phase = column(), end = column(),
               stream = column();
  const Column overhead = column(), device_state = column(), resume = column(), client = column(),
               stop = column(), faults = column(), coding = column(), processors = column(),
               brownout = column(), cpu = column(), waits = column();
  Chances all{{likely_chance(pair)}, {curve.likely()}};
  const Interval<double> data_at_end{1, 0, kMostAtEnd};
  for (std::size_t i = 0; i < static_cast<std::size_t>(draws); ++i) {
    Chance c;
    const double error = pair.rate_error.value() / kNormal95;
    c.speed = std::max(kLeastFactor, 1 + error * speed.normal(i));
    c.phase = phase.uniform(i);
    c.data_at_end = at(data_at_end, end.normal(i));
    c.overhead = at(pair.overhead, overhead.normal(i)).count();
    c.device_state = at(pair.device_state, device_state.normal(i)).count();
    c.resume = at(pair.resume, resume.normal(i)).count();
    c.client = at(pair.client, client.normal(i)).count();
    c.postcopy_stop = at(pair.postcopy_stop, stop.normal(i)).count();
    c.postcopy_resume = at(pair.postcopy_resume, resume.normal(i)).count();
    c.faults_at_once = at(pair.faults_at_once, faults.normal(i));
    c.faults_after_pass = at(pair.faults_after_pass, faults.normal(i));
    c.still_waits = at(pair.still_waits, waits.normal(i));
    c.stream = std::max(kLeastFactor, 1 + pair.stream_error.value() / kNormal95 * stream.normal(i));
    c.coding = std::max(kLeastFactor, 1 + pair.coding_error.value() / kNormal95 * coding.normal(i));
    c.processors = at(pair.processors, processors.normal(i)) / pair.processors.p50;
    c.brownout = at(pair.brownout, brownout.normal(i));
    c.cpu = std::max(kLeastFactor, 1 + pair.cpu_error.value() / kNormal95 * cpu.normal(i));
    c.curve = growth.normal(i);
    c.life = i + 1;
    all.chances.push_back(c);
    all.growths.push_back(curve.at(c.curve));
  }
  return all;
}

}  // namespace godwit::twin
