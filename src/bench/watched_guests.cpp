#include "watched_guests.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <utility>

#include "log_uniform.h"

namespace godwit::bench {
namespace {

/// Of what the first pass finds dirty, at its end.
constexpr double kLeastDirtied = 0.02;
constexpr double kMostDirtied = 0.6;
/// Windows of the profiles' curves: up to more than the longest pass.
constexpr double kShortestWindow = 0.03125;
constexpr double kLongestWindow = 256;
/// What the twin draws of a curve: a guest does not do the same twice.
constexpr double kCurveError = 0.08;

using WrittenWithin = std::function<double(double)>;  ///< bytes written within seconds

WrittenWithin at_random(double set, double rate) {
  return [=](double t) { return -set * std::expm1(-rate * t / set); };
}

/// Which writes so many bytes within `pass`. How soon its sets are full depends on that, too.
WrittenWithin drawn_curve(const std::string& kind, double bytes, double pass, Rng& rng) {
  if (kind == "at random") {
    const double fills = log_uniform(rng, 0.1, 5) * pass;
    const double set = bytes / -std::expm1(-pass / fills);
    return at_random(set, set / fills);
  }
  if (kind == "in order") {
    const double around = log_uniform(rng, 0.2, 3) * pass;
    const double set = bytes / std::min(1.0, pass / around);
    return [=](double t) { return set * std::min(1.0, t / around); };
  }
  if (kind == "hot and cold") {
    const double hot = bytes * 0.4 * rng.uniform();
    const WrittenWithin cold = drawn_curve("at random", bytes - hot, pass, rng);
    const double fills = log_uniform(rng, 0.002, 0.1) * pass;
    return [=](double t) { return -hot * std::expm1(-t / fills) + cold(t); };
  }
  const double bend = 0.55 + 0.4 * rng.uniform();
  return [=](double t) { return bytes * std::pow(t / pass, bend); };
}

/// Random writes over one set, in bursts, and none in between.
struct Bursts {
  double set = 0;
  double rate = 0;  ///< bytes a second, in a burst
  double on = 0;    ///< seconds
  double cycle = 0;

  [[nodiscard]] double busy_until(double t) const {
    const double cycles = std::floor(t / cycle);
    return cycles * on + std::min(t - cycles * cycle, on);
  }
  [[nodiscard]] double share(double from, double to) const {
    return -std::expm1(-rate * (busy_until(to) - busy_until(from)) / set);
  }
  [[nodiscard]] double mean(double window) const {
    constexpr int kPlaces = 50;
    double sum = 0;
    for (int i = 0; i < kPlaces; ++i)
      sum += share(cycle * i / kPlaces, cycle * i / kPlaces + window);
    return set * sum / kPlaces;
  }
};

WriteTrace trace_of(const Bursts& guest, double ram, Rng& rng) {
  constexpr int kPages = 512;
  constexpr double kSlot = 0.125;
  constexpr double kWatched = 32;
  WriteTrace trace{Seconds(kSlot), static_cast<int>(kWatched / kSlot), PageCount(kPages), {}};
  const int in_set = std::max(static_cast<int>(kPages * guest.set / ram), 8);
  trace.changed.resize(static_cast<std::size_t>(in_set));
  for (std::vector<bool>& page : trace.changed) {
    for (int slot = 0; slot < trace.slots; ++slot) {
      page.push_back(rng.uniform() < guest.share(slot * kSlot, (slot + 1) * kSlot));
    }
  }
  std::erase_if(trace.changed, [](const std::vector<bool>& page) {
    return std::find(page.begin(), page.end(), true) == page.end();
  });
  return trace;
}

}  // namespace

DrawnGuest drawn_guest(int number, Rng& rng) {
  static constexpr std::array kKinds{"at random", "in order", "hot and cold",
                                     "skewed",    "skewed",   "in bursts"};
  DrawnGuest drawn;
  drawn.kind = kKinds[static_cast<std::size_t>(number) % kKinds.size()];
  const double ram = log_uniform(rng, 256.0 * (1 << 20), 16.0 * (1LL << 30));
  const double data = ram * (0.3 + 0.65 * rng.uniform());
  const double rate = data / std::clamp(data / log_uniform(rng, 12e6, 1.25e9), 1.0, 200.0);
  const double pass = data / rate;
  const double bytes = data * log_uniform(rng, kLeastDirtied, kMostDirtied);
  GuestProfile& profile = drawn.profile;
  profile.vm = drawn.kind;
  profile.ram = Bytes(std::llround(ram));
  profile.zero_share = Ratio(1 - data / ram);
  profile.observed = Seconds(kLongestWindow);
  WrittenWithin curve;
  if (drawn.kind == "in bursts") {
    Bursts bursts;
    bursts.cycle = 1 + 7 * rng.uniform();
    bursts.on = bursts.cycle * (0.2 + 0.6 * rng.uniform());
    bursts.set = 1.5 * bytes;
    bursts.rate = bursts.set / (bursts.on / bursts.cycle * pass);
    profile.write_trace = trace_of(bursts, ram, rng);
    curve = [bursts](double t) { return bursts.mean(t); };
  } else {
    curve = drawn_curve(drawn.kind, bytes, pass, rng);
  }
  for (double t = kShortestWindow; t <= kLongestWindow; t *= 2) {
    const Bytes written(std::llround(std::min(curve(t), ram)));
    profile.dirty_curve.push_back(
        {Seconds(t), written, written * Ratio(1 - kCurveError), written * Ratio(1 + kCurveError)});
  }
  drawn.link.rate = BytesPerSecond(rate);
  return drawn;
}

}  // namespace godwit::bench
