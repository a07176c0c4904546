#include "godwit/learn/host_pair.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "godwit/base/statistics.h"
#include "godwit/twin/predictor.h"

namespace godwit::learn {
namespace {

using twin::HostPairConstants;

/// Fewer say too little about the bounds of an interval.
constexpr std::size_t kFewestMigrations = 8;
/// What QEMU sometimes reports as the downtime of a post-copy is about its whole time.
constexpr double kNoDowntime = 0.5;
/// Hosts that differ by more from one time to the next have no rate of their own.
constexpr double kMostError = 0.3;

/// Sent by QEMU at the rate that the link allows, the guest on one host at a time.
bool plain(Technique technique) {
  return technique.codec == Codec::kNone && technique.throttle == Throttle::kNone &&
         technique.ending == Ending::kConverged;
}

std::optional<Interval<double>> interval_of(const std::vector<double>& seen) {
  if (seen.size() < kFewestMigrations) return std::nullopt;
  return Interval<double>{quantile(seen, 0.5), quantile(seen, 0.05), quantile(seen, 0.95)};
}

Interval<Seconds> seconds(const Interval<double>& i) {
  const auto at_least_none = [](double value) { return Seconds(std::max(0.0, value)); };
  return {at_least_none(i.p50), at_least_none(i.p05), at_least_none(i.p95)};
}

/// A sample beside what the twin says of it, without a guess, with the constants known so far.
struct Compared {
  const PairSample* sample = nullptr;
  TechniquePrediction said;
};

std::vector<Compared> compare(std::span<const PairSample> samples, const HostPairConstants& pair) {
  std::vector<Compared> all;
  twin::Options options;
  options.pair = pair;
  for (const PairSample& sample : samples) {
    if (twin::guesses(*sample.profile, sample.technique)) continue;
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
  const auto off = each(compared, [](const Compared& c) -> std::optional<double> {
    if (!plain(c.sample->technique)) return std::nullopt;
    return std::abs(c.sample->transferred.as_double() / c.said.transferred->p50.as_double() - 1);
  });
  if (off.size() < kFewestMigrations) return;
  pair.stream_error = Ratio(std::min(kMostError, quantile(off, 0.9)));
}

/// The destination's part of a downtime: what is over what sending the rest takes. The median only,
/// as where the rest is met between two looks is chance, too.
void learn_resume(const std::vector<Compared>& compared, HostPairConstants& pair) {
  const auto over = interval_of(each(compared, [](const Compared& c) -> std::optional<double> {
    const Technique technique = c.sample->technique;
    const bool own = technique.ending != Ending::kConverged;
    if (own || !c.sample->downtime.events) return std::nullopt;
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
  if (!later) return;
  // the client waits for whatever holds the destination up, too
  Interval<double> client = *later;
  client.p05 -= (pair.resume.p50 - pair.resume.p05).count();
  client.p95 += (pair.resume.p95 - pair.resume.p50).count();
  pair.client = seconds(client);
}

/// Did post-copy end it? A hybrid copy may end as pre-copy does: then QEMU says what events say.
bool postcopied(const PairSample& sample) {
  const auto& [qemu, events, probe] = sample.downtime;
  constexpr Seconds kLongStop(0.1);
  const bool stopped = qemu && events && *qemu > kLongStop && *qemu < *events * 1.2;
  return uses_postcopy(sample.technique) && !stopped;
}

/// Page faults in sequence until a client was answered, of the interval that the sample tells of:
/// `at_once`, or after half a pass or more. Nothing where all had arrived by then.
std::optional<double> faults_seen(const Compared& c, const HostPairConstants& pair, bool at_once) {
  const PairSample& sample = *c.sample;
  if (!postcopied(sample) || !sample.downtime.probe || c.said.rounds.empty()) return std::nullopt;
  const double share = c.said.parameters.precopy_share->value();
  if (at_once ? share > 0 : share < 0.5) return std::nullopt;
  const Seconds outage = *sample.downtime.probe - pair.client.p50;
  constexpr double kAll = 0.8;
  if (outage > c.said.rounds.back().duration * kAll) return std::nullopt;
  const double queue =
      pair.sender_queue.as_double() / (sample.link.rate.value() * pair.rate.value());
  const bool preempt = sample.parameters.postcopy_preempt.value_or(false);
  const double faults = outage.count() / (queue + pair.fault_cost.count());
  return std::max(0.0, faults / (preempt ? pair.preempt_faults : 1.0));
}

/// Post-copy: its stop, and page faults in sequence until a client is answered.
void learn_postcopy(const std::vector<Compared>& compared, HostPairConstants& pair) {
  const auto stop = interval_of(each(compared, [](const Compared& c) -> std::optional<double> {
    const auto& qemu = c.sample->downtime.qemu;
    if (!postcopied(*c.sample) || !qemu) return std::nullopt;
    if (*qemu > c.sample->total * kNoDowntime) return std::nullopt;
    return qemu->count();
  }));
  if (stop) pair.postcopy_stop = seconds(*stop);
  const auto faults = [&](bool at_once) {
    return interval_of(
        each(compared, [&](const Compared& c) { return faults_seen(c, pair, at_once); }));
  };
  if (const auto seen = faults(true)) pair.faults_at_once = *seen;
  if (const auto seen = faults(false)) pair.faults_after_pass = *seen;
}

// --- how fast the source compresses ---

/// A migration that compressed. Rates are in stream bytes a second.
struct Compressed {
  double expected = 0;  ///< that processors are expected to compress
  double link = 0;      ///< that the link carries
  double off = 1;       ///< the measured rate, of the predicted one

  /// What is sent where processors are faster than expected by a factor.
  [[nodiscard]] double rate_at(double speed) const { return std::min(speed * expected, link); }
  /// The measured rate, of the one that would be predicted then.
  [[nodiscard]] double off_at(double speed) const { return off * rate_at(1) / rate_at(speed); }
  /// Do processors, not the link, bound what is predicted with that factor or without?
  [[nodiscard]] bool shows(double speed) const { return expected * std::min(speed, 1.0) < link; }
};

std::vector<Compressed> compressed(const std::vector<Compared>& compared,
                                   const HostPairConstants& pair) {
  std::vector<Compressed> all;
  for (const Compared& c : compared) {
    const PairSample& sample = *c.sample;
    const auto rate =
        twin::compressing_rate(*sample.profile, sample.technique, c.said.parameters, pair);
    if (!rate || !*rate) continue;
    const BytesPerSecond link = std::min(sample.link.rate, *c.said.parameters.max_bandwidth);
    const double measured = sample.transferred.as_double() / sample.total.count();
    const double said = c.said.transferred->p50.as_double() / c.said.total_time->p50.count();
    all.push_back({(*rate)->value(), link.value() * pair.rate.value(), measured / said});
  }
  return all;
}

/// Mean absolute error of predicted rates, as logarithms.
double error_at(const std::vector<Compressed>& all, double speed) {
  double sum = 0;
  for (const Compressed& one : all) sum += std::abs(std::log(one.off_at(speed)));
  return sum / static_cast<double>(all.size());
}

/// The factor of the least error, and the nearest to 1 of those: where the link is the bound, any
/// that is large enough will do. It is at one of the places where one migration's error has a kink.
double best_speed(const std::vector<Compressed>& all) {
  std::vector<double> candidates;
  for (const Compressed& one : all) {
    candidates.push_back(one.off * one.rate_at(1) / one.expected);
    candidates.push_back(one.link / one.expected);
  }
  std::sort(candidates.begin(), candidates.end(),
            [](double a, double b) { return std::abs(std::log(a)) < std::abs(std::log(b)); });
  double best = 1;
  double least = error_at(all, best);
  for (const double speed : candidates) {
    const double error = error_at(all, speed);
    if (error >= least - 1e-9) continue;
    best = speed;
    least = error;
  }
  return best;
}

/// Only what explains the pair's migrations clearly better than what is known. Processors then
/// differ from one time to the next by as much as they were seen to.
void learn_compressing(const std::vector<Compared>& compared, HostPairConstants& pair) {
  constexpr double kClearlyBetter = 0.9;  // of the error before
  const std::vector<Compressed> all = compressed(compared, pair);
  if (all.size() < kFewestMigrations) return;
  const double speed = best_speed(all);
  if (error_at(all, speed) >= kClearlyBetter * error_at(all, 1)) return;
  std::vector<double> off;
  for (const Compressed& one : all) {
    if (one.shows(speed)) off.push_back(one.off_at(speed));
  }
  const auto spread = interval_of(off);
  if (!spread) return;
  pair.compressing_speed *= speed;
  pair.processors.p05 = pair.processors.p50 * std::min(1.0, spread->p05);
  pair.processors.p95 = pair.processors.p50 * std::max(1.0, spread->p95);
}

// --- as JSON ---

constexpr std::array kShares{std::pair{"rate", &HostPairConstants::rate},
                             std::pair{"rate_error", &HostPairConstants::rate_error},
                             std::pair{"stream_error", &HostPairConstants::stream_error}};
constexpr std::array kTimes{std::pair{"resume_s", &HostPairConstants::resume},
                            std::pair{"client_s", &HostPairConstants::client},
                            std::pair{"postcopy_stop_s", &HostPairConstants::postcopy_stop}};
constexpr std::array kNumbers{std::pair{"faults_at_once", &HostPairConstants::faults_at_once},
                              std::pair{"faults_after_pass", &HostPairConstants::faults_after_pass},
                              std::pair{"processors", &HostPairConstants::processors}};
constexpr const char* kCompressingSpeed = "compressing_speed";

template <class T, class Number>
Json json_of(const Interval<T>& i, const Number& number) {
  return Json{{"p50", number(i.p50)}, {"p05", number(i.p05)}, {"p95", number(i.p95)}};
}

/// Throws what nlohmann::json throws.
Interval<double> interval_from(const Json& json) {
  return {json.at("p50").get<double>(), json.at("p05").get<double>(), json.at("p95").get<double>()};
}

bool sound(const Interval<double>& i) {
  return i.p05 >= 0 && i.p05 <= i.p50 && i.p50 <= i.p95 && std::isfinite(i.p95);
}

bool sound(const HostPairConstants& pair) {
  const auto number = [](const auto& value) { return value.count(); };
  const auto plain = [&](const Interval<Seconds>& i) {
    return Interval<double>{number(i.p50), number(i.p05), number(i.p95)};
  };
  return pair.rate.value() > 0 && std::isfinite(pair.rate.value()) &&
         pair.rate_error.value() >= 0 && pair.rate_error.value() < 1 &&
         pair.stream_error.value() >= 0 && pair.stream_error.value() < 1 &&
         sound(plain(pair.resume)) && sound(plain(pair.client)) &&
         sound(plain(pair.postcopy_stop)) && sound(pair.faults_at_once) &&
         sound(pair.faults_after_pass) && sound(pair.processors) && pair.processors.p50 > 0 &&
         pair.compressing_speed > 0 && std::isfinite(pair.compressing_speed);
}

}  // namespace

Json to_json(const HostPairConstants& pair) {
  Json json = Json::object();
  for (const auto& [key, member] : kShares) json[key] = (pair.*member).value();
  const auto in_seconds = [](Seconds s) { return s.count(); };
  for (const auto& [key, member] : kTimes) json[key] = json_of(pair.*member, in_seconds);
  const auto as_is = [](double value) { return value; };
  for (const auto& [key, member] : kNumbers) json[key] = json_of(pair.*member, as_is);
  json[kCompressingSpeed] = pair.compressing_speed;
  return json;
}

Result<HostPairConstants> pair_from_json(const Json& json) {
  HostPairConstants pair;
  try {
    for (const auto& [key, member] : kShares) pair.*member = Ratio(json.at(key).get<double>());
    for (const auto& [key, member] : kTimes) {
      const Interval<double> i = interval_from(json.at(key));
      pair.*member = {Seconds(i.p50), Seconds(i.p05), Seconds(i.p95)};
    }
    for (const auto& [key, member] : kNumbers) pair.*member = interval_from(json.at(key));
    pair.compressing_speed = json.at(kCompressingSpeed).get<double>();
  } catch (const Json::exception& e) {
    return fail(ErrorCode::kCorrupt, fmt::format("a pair of hosts: {}", e.what()));
  }
  if (!sound(pair)) return fail(ErrorCode::kCorrupt, "a pair of hosts that cannot be");
  return pair;
}

HostPairConstants learn_pair(std::span<const PairSample> samples, const HostPairConstants& known) {
  HostPairConstants pair = known;
  std::vector<Compared> compared = compare(samples, pair);
  learn_rate(compared, pair);
  learn_stream(compared, pair);
  compared = compare(samples, pair);  // downtimes are left over when the rate is right
  learn_resume(compared, pair);
  learn_client(compared, pair);
  learn_postcopy(compared, pair);
  learn_compressing(compared, pair);
  return pair;
}

}  // namespace godwit::learn
