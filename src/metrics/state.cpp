#include "state.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "godwit/base/version.h"
#include "godwit/learn/metric.h"

namespace godwit::metrics {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Buckets = prometheus::Histogram::BucketBoundaries;

constexpr const char* kMigrations = "godwit_migrations_total";
constexpr const char* kDurations = "godwit_migration_duration_seconds";
constexpr const char* kDowntimes = "godwit_migration_downtime_seconds";
constexpr const char* kTransferred = "godwit_migration_transferred_bytes";
constexpr const char* kErrors = "godwit_prediction_error_ratio";
constexpr const char* kCovered = "godwit_prediction_interval_covered_total";
constexpr const char* kEta = "godwit_migration_eta_seconds";
constexpr const char* kRemaining = "godwit_migration_remaining_bytes";
constexpr const char* kDirty = "godwit_migration_dirty_bytes_per_second";
constexpr const char* kBandwidth = "godwit_migration_bandwidth_bytes_per_second";
constexpr const char* kRound = "godwit_migration_round";
constexpr const char* kThrottle = "godwit_migration_throttle_ratio";
constexpr const char* kPhase = "godwit_migration_phase";
constexpr const char* kEnds = "godwit_migration_ends_ratio";
constexpr const char* kReached = "godwit_target_reached";
constexpr const char* kBuild = "godwit_build_info";

constexpr std::array kAll{
    Described{kMigrations, "counter", "outcome, technique",
              "Migrations that ended, watched or Godwit's own."},
    Described{kDurations, "histogram", "", "How long completed migrations took in all."},
    Described{kDowntimes, "histogram", "kind",
              "How long the guest stood still in completed migrations, by the kind of downtime."},
    Described{kTransferred, "histogram", "", "What completed migrations sent, as QEMU counts it."},
    Described{kErrors, "histogram", "measure",
              "Distance of Godwit's prediction to what was measured, as a share of the latter."},
    Described{kCovered, "counter", "measure, covered",
              "Was what was measured within the predicted 90 % interval?"},
    Described{kEta, "untyped", "vm, target, quantile",
              "Time until a migration under way is over; absent where it will not be."},
    Described{kRemaining, "gauge", "vm, target", "What a migration under way has yet to send."},
    Described{kDirty, "gauge", "vm, target", "What the guest dirties, at QEMU's newest sync."},
    Described{kBandwidth, "gauge", "vm, target", "What a migration under way sends."},
    Described{kRound, "gauge", "vm, target", "Number of the pass over memory."},
    Described{kThrottle, "gauge", "vm, target",
              "Share of the vCPUs' time that auto-converge takes."},
    Described{kPhase, "gauge", "vm, target, phase", "1 for the phase that a migration is in."},
    Described{kEnds, "gauge", "vm, target",
              "Probability that a migration under way ends, and keeps what was asked for."},
    Described{kReached, "gauge", "target", "1 where a host or VM that is watched answers."},
    Described{kBuild, "gauge", "version", "1, with Godwit's version."},
};

const Described& described(std::string_view name) {
  return *std::find_if(kAll.begin(), kAll.end(),
                       [name](const Described& one) { return one.name == name; });
}
std::string help_of(std::string_view name) {
  return std::string(described(name).help);
}

// From what guests of a few hundred MiB on fast links need to what large ones on slow links do.
Buckets duration_buckets() {
  return {0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 3600};
}
Buckets downtime_buckets() {
  return {0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1, 2, 5, 10, 30};
}
Buckets byte_buckets() {
  Buckets sizes;
  for (int power = 24; power <= 42; power += 2) sizes.push_back(std::ldexp(1.0, power));  // 16 MiB…
  return sizes;
}
/// The targets that docs/research/accuracy.md holds predictions to lie among these.
Buckets error_buckets() {
  return {0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1, 2};
}

constexpr std::array kKinds{"qemu", "events", "probe"};

/// One family of what is under way, filled sample by sample.
class Samples {
 public:
  Samples(const char* name, MetricType type) {
    family_.name = name;
    family_.help = help_of(name);
    family_.type = type;
  }
  void add(std::vector<ClientMetric::Label> labels, double value) {
    ClientMetric sample;
    sample.label = std::move(labels);
    sample.gauge.value = value;
    sample.untyped.value = value;
    family_.metric.push_back(std::move(sample));
  }
  void move_to(std::vector<MetricFamily>& all) {
    if (!family_.metric.empty()) all.push_back(std::move(family_));
  }

 private:
  MetricFamily family_;
};

}  // namespace

std::span<const Described> all_metrics() {
  return kAll;
}

Metrics::State::State()
    : migrations_(prometheus::BuildCounter()
                      .Name(kMigrations)
                      .Help(help_of(kMigrations))
                      .Register(registry_)),
      durations_(prometheus::BuildHistogram()
                     .Name(kDurations)
                     .Help(help_of(kDurations))
                     .Register(registry_)
                     .Add({}, duration_buckets())),
      downtimes_(prometheus::BuildHistogram()
                     .Name(kDowntimes)
                     .Help(help_of(kDowntimes))
                     .Register(registry_)),
      transferred_(prometheus::BuildHistogram()
                       .Name(kTransferred)
                       .Help(help_of(kTransferred))
                       .Register(registry_)
                       .Add({}, byte_buckets())),
      errors_(
          prometheus::BuildHistogram().Name(kErrors).Help(help_of(kErrors)).Register(registry_)),
      covered_(
          prometheus::BuildCounter().Name(kCovered).Help(help_of(kCovered)).Register(registry_)) {
  for (const char* kind : kKinds) downtimes_.Add({{"kind", kind}}, downtime_buckets());
}

void Metrics::State::set_reached(const std::string& target, bool reached) {
  const std::scoped_lock lock(mutex_);
  reached_[target] = reached;
}

void Metrics::State::begin(const watch::Followed& one, bool own) {
  const std::scoped_lock lock(mutex_);
  live_[one.vm] = {one.target, own, std::nullopt};
}

void Metrics::State::progress(const watch::Followed& one, const control::Progress& now) {
  const std::scoped_lock lock(mutex_);
  live_[one.vm].now = now;
}

bool Metrics::State::end(const watch::Followed& one) {
  const std::scoped_lock lock(mutex_);
  const auto ended = live_.extract(one.vm);
  return !ended.empty() && ended.mapped().own;
}

// --- what has ended ---

void Metrics::State::count(const MigrationOutcome& outcome) {
  migrations_
      .Add({{"outcome", std::string(to_string(outcome.status))},
            {"technique", to_string(outcome.technique)}})
      .Increment();
  if (outcome.status != OutcomeStatus::kCompleted) return;
  if (outcome.total_time) durations_.Observe(outcome.total_time->count());
  if (outcome.transferred.qemu) transferred_.Observe(outcome.transferred.qemu->as_double());
  const std::array times{&outcome.downtime.qemu, &outcome.downtime.events, &outcome.downtime.probe};
  for (std::size_t i = 0; i < times.size(); ++i) {
    if (!*times[i]) continue;
    downtimes_.Add({{"kind", kKinds[i]}}, downtime_buckets()).Observe((*times[i])->count());
  }
}

void Metrics::State::judge(const Prediction& predicted, const MigrationOutcome& outcome) {
  const TechniquePrediction* const said = find(predicted, outcome.technique);
  if (said == nullptr || outcome.status != OutcomeStatus::kCompleted) return;
  const learn::Measured measured{outcome.technique,        outcome.total_time,
                                 outcome.transferred.qemu, outcome.downtime,
                                 outcome.guest.slowdown,   std::nullopt};
  for (const learn::Metric metric : learn::learnt_metrics()) {
    const auto actual = value_of(measured, metric);
    const auto expected = value_of(*said, metric);
    if (!actual || !expected) continue;
    const std::string measure(to_string(metric));
    const bool covered = expected->p05 <= *actual && *actual <= expected->p95;
    covered_.Add({{"measure", measure}, {"covered", covered ? "true" : "false"}}).Increment();
    if (*actual <= 0) continue;  // no share of nothing
    errors_.Add({{"measure", measure}}, error_buckets())
        .Observe(std::abs(expected->p50 - *actual) / *actual);
  }
}

// --- what is told ---

std::vector<MetricFamily> Metrics::State::Collect() const {
  std::vector<MetricFamily> all = registry_.Collect();
  std::erase_if(all, [](const MetricFamily& family) { return family.metric.empty(); });
  add_live(all);
  return all;
}

void Metrics::State::add_live(std::vector<MetricFamily>& all) const {
  Samples eta(kEta, MetricType::Untyped);  // quantiles of a forecast are no summary of samples
  Samples remaining(kRemaining, MetricType::Gauge);
  Samples dirty(kDirty, MetricType::Gauge);
  Samples bandwidth(kBandwidth, MetricType::Gauge);
  Samples round(kRound, MetricType::Gauge);
  Samples throttle(kThrottle, MetricType::Gauge);
  Samples phase(kPhase, MetricType::Gauge);
  Samples ends(kEnds, MetricType::Gauge);
  Samples reached(kReached, MetricType::Gauge);
  Samples build(kBuild, MetricType::Gauge);
  build.add({{"version", version()}}, 1);
  {
    const std::scoped_lock lock(mutex_);
    for (const auto& [target, answers] : reached_) reached.add({{"target", target}}, answers);
    for (const auto& [vm, one] : live_) {
      if (!one.now) continue;
      const control::Progress& now = *one.now;
      using Labels = std::vector<ClientMetric::Label>;
      const Labels labels{{"vm", vm}, {"target", one.target}};
      const auto with = [&labels](const char* name, std::string value) {
        Labels more = labels;
        more.push_back({name, std::move(value)});
        return more;
      };
      if (const auto& left = now.forecast.eta) {
        eta.add(with("quantile", "0.05"), left->p05.count());
        eta.add(with("quantile", "0.5"), left->p50.count());
        eta.add(with("quantile", "0.95"), left->p95.count());
      }
      if (now.remaining) remaining.add(labels, now.remaining->as_double());
      if (now.dirty_rate) dirty.add(labels, now.dirty_rate->value());
      if (now.rate) bandwidth.add(labels, now.rate->value());
      round.add(labels, now.round);
      if (now.throttle_percent) throttle.add(labels, *now.throttle_percent / 100.0);
      phase.add(with("phase", std::string(to_string(now.phase))), 1);
      if (now.forecast.ends) ends.add(labels, now.forecast.ends->value());
    }
  }
  for (Samples* one :
       {&eta, &remaining, &dirty, &bandwidth, &round, &throttle, &phase, &ends, &reached, &build}) {
    one->move_to(all);
  }
}

}  // namespace godwit::metrics
