#include "godwit/learn/host_pair.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>
#include <vector>

#include "godwit/learn/scores.h"
#include "godwit/twin/predictor.h"

namespace godwit::learn {
namespace {

using twin::HostPairConstants;

/// Fewer say too little about the bounds of an interval.
constexpr std::size_t kFewest = 8;
/// What QEMU sometimes reports as the downtime of a post-copy is about its whole time.
constexpr double kNoDowntime = 0.5;
/// Hosts that differ by more from one time to the next have no rate of their own.
constexpr double kMostError = 0.3;

/// Sent by QEMU at the rate that the link allows, the guest on one host at a time.
bool plain(Technique technique) {
  return technique == Technique::kPrecopy || technique == Technique::kMultifd;
}

std::optional<Interval<double>> interval_of(const std::vector<double>& seen) {
  if (seen.size() < kFewest) return std::nullopt;
  return Interval<double>{quantile(seen, 0.5), quantile(seen, 0.05), quantile(seen, 0.95)};
}

Interval<Seconds> seconds(const Interval<double>& i) {
  const auto at_least_none = [](double value) { return Seconds(std::max(0.0, value)); };
  return {at_least_none(i.p50), at_least_none(i.p05), at_least_none(i.p95)};
}

/// A sample beside what the twin says of it with the constants known so far.
struct Compared {
  const PairSample* sample = nullptr;
  TechniquePrediction said;
};

std::vector<Compared> compare(std::span<const PairSample> samples, const HostPairConstants& pair) {
  std::vector<Compared> all;
  twin::Options options;
  options.pair = pair;
  for (const PairSample& sample : samples) {
    const auto predictor = twin::Predictor::make(*sample.profile, sample.link, options);
    if (!predictor) continue;
    auto said = predictor->predict(sample.technique, sample.parameters);
    const bool whole = sample.total > Seconds(0) && sample.transferred > Bytes(0);
    if (!said || !said->converges || !whole) continue;
    if (said->transferred->p50 <= Bytes(0) || said->total_time->p50 <= Seconds(0)) continue;
    all.push_back({&sample, std::move(*said)});
  }
  return all;
}

/// One number of each sample that has it.
template <class Number>
std::vector<double> each(const std::vector<Compared>& compared, const Number& number) {
  std::vector<double> seen;
  for (const Compared& one : compared) {
    if (const std::optional<double> value = number(one)) seen.push_back(*value);
  }
  return seen;
}

/// By how much pre-copies took longer than predicted, as a factor on the rate: what a pass takes is
/// bytes over rate, and almost all of it is passes.
void learn_rate(const std::vector<Compared>& compared, HostPairConstants& pair) {
  const auto faster = interval_of(each(compared, [](const Compared& c) -> std::optional<double> {
    if (!plain(c.sample->technique)) return std::nullopt;
    const double measured = c.sample->transferred.as_double() / c.sample->total.count();
    return measured / (c.said.transferred->p50.as_double() / c.said.total_time->p50.count());
  }));
  if (!faster) return;
  pair.rate = Ratio(pair.rate.value() * faster->p50);
  pair.rate_error = Ratio(std::min(kMostError, (faster->p95 - faster->p05) / 2 / faster->p50));
}

void learn_stream(const std::vector<Compared>& compared, HostPairConstants& pair) {
  const auto more = interval_of(each(compared, [](const Compared& c) -> std::optional<double> {
    if (!plain(c.sample->technique)) return std::nullopt;
    return c.sample->transferred.as_double() / c.said.transferred->p50.as_double();
  }));
  if (!more) return;
  pair.stream_error = Ratio(std::clamp(std::max(more->p95 - 1, 1 - more->p05), 0.0, kMostError));
}

/// The destination's part of a downtime: what is over what sending the rest takes. The median only,
/// as where the rest is met between two looks is chance, too.
void learn_resume(const std::vector<Compared>& compared, HostPairConstants& pair) {
  const auto over = interval_of(each(compared, [](const Compared& c) -> std::optional<double> {
    if (uses_postcopy(c.sample->technique) || !c.sample->downtime.events) return std::nullopt;
    return (*c.sample->downtime.events - c.said.downtime.events->p50).count();
  }));
  if (!over) return;
  const Seconds shift(over->p50);
  for (Seconds* bound : {&pair.resume.p05, &pair.resume.p50, &pair.resume.p95}) {
    *bound = std::max(Seconds(0), *bound + shift);
  }
}

void learn_client(const std::vector<Compared>& compared, HostPairConstants& pair) {
  const auto later = interval_of(each(compared, [&](const Compared& c) -> std::optional<double> {
    const Downtime& d = c.sample->downtime;
    if (uses_postcopy(c.sample->technique) || !d.events || !d.probe) return std::nullopt;
    return (*d.probe - *d.events + pair.resume.p50).count();
  }));
  if (later) pair.client = seconds(*later);
}

/// Post-copy: its stop, and page faults in sequence until a client is answered.
void learn_postcopy(const std::vector<Compared>& compared, HostPairConstants& pair) {
  const auto stop = interval_of(each(compared, [](const Compared& c) -> std::optional<double> {
    const auto& qemu = c.sample->downtime.qemu;
    if (!uses_postcopy(c.sample->technique) || !qemu) return std::nullopt;
    if (*qemu > c.sample->total * kNoDowntime) return std::nullopt;
    return qemu->count();
  }));
  if (stop) pair.postcopy_stop = seconds(*stop);
  const auto faults = [&](bool at_once) {
    return interval_of(each(compared, [&](const Compared& c) -> std::optional<double> {
      if (!uses_postcopy(c.sample->technique) || !c.sample->downtime.probe) return std::nullopt;
      const double share = c.said.parameters.precopy_share->value();
      if (at_once ? share > 0 : share < 1) return std::nullopt;
      const double outage = (*c.sample->downtime.probe - pair.client.p50).count();
      const double queue =
          pair.sender_queue.as_double() / (c.sample->link.rate.value() * pair.rate.value());
      return std::max(0.0, outage / queue);
    }));
  };
  if (const auto seen = faults(true)) pair.faults_at_once = *seen;
  if (const auto seen = faults(false)) pair.faults_after_pass = *seen;
}

}  // namespace

HostPairConstants learn_pair(std::span<const PairSample> samples, const HostPairConstants& known) {
  HostPairConstants pair = known;
  std::vector<Compared> compared = compare(samples, pair);
  learn_rate(compared, pair);
  learn_stream(compared, pair);
  compared = compare(samples, pair);  // downtimes are left over when the rate is right
  learn_resume(compared, pair);
  learn_client(compared, pair);
  learn_postcopy(compared, pair);
  return pair;
}

}  // namespace godwit::learn
