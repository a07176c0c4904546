#include "godwit/bench/law_comparison.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>
#include <utility>

namespace godwit::bench {
namespace {

using TaskKey = std::tuple<std::string, double, std::string, int>;
TaskKey key_of(const SteeredRun& run) {
  return {run.guest, run.link_bytes_per_s, run.intent, run.repeat};
}

/// Of `values`, 1 for the least; equal ones share the mean of their ranks.
std::vector<double> ranks(const std::vector<std::pair<double, double>>& values) {
  std::vector<double> ranked;
  for (const auto& one : values) {
    double below = 0;
    double equal = 0;
    for (const auto& other : values) {
      below += other < one ? 1 : 0;
      equal += other == one ? 1 : 0;
    }
    ranked.push_back(below + (equal + 1) / 2);
  }
  return ranked;
}

double correlation(const std::vector<double>& x, const std::vector<double>& y) {
  const auto n = static_cast<double>(x.size());
  double sx = 0, sy = 0, sxx = 0, syy = 0, sxy = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    sx += x[i];
    sy += y[i];
    sxx += x[i] * x[i];
    syy += y[i] * y[i];
    sxy += x[i] * y[i];
  }
  const double spread = std::sqrt((n * sxx - sx * sx) * (n * syy - sy * sy));
  return spread > 0 ? (n * sxy - sx * sy) / spread : 0.0;
}

/// A mean over those that have the figure.
class Mean {
 public:
  void add(std::optional<double> value) {
    if (!value) return;
    sum_ += *value;
    ++count_;
  }
  [[nodiscard]] bool any() const { return count_ > 0; }
  [[nodiscard]] double value() const { return count_ > 0 ? sum_ / count_ : 0.0; }

 private:
  double sum_ = 0;
  int count_ = 0;
};

template <class T>
std::optional<double> in_milliseconds(const std::optional<T>& time) {
  return time ? std::optional(time->count() * 1e3) : std::nullopt;
}

/// A law's figures, while they are added up.
struct Sums {
  LawSummary law;
  Mean total{};
  Mean qemu{};
  Mean events{};
  Mean probe{};
  Mean bytes{};
  Mean slowdown{};
  Mean log_ratio{};

  void add(const MigrationOutcome& outcome, std::optional<Seconds> auto_converge) {
    total.add(outcome.total_time->count());
    qemu.add(in_milliseconds(outcome.downtime.qemu));
    events.add(in_milliseconds(outcome.downtime.events));
    probe.add(in_milliseconds(outcome.downtime.probe));
    bytes.add(outcome.transferred.qemu.value_or(Bytes()).as_double());
    if (outcome.guest.slowdown) slowdown.add(outcome.guest.slowdown->value());
    if (auto_converge) log_ratio.add(std::log(*outcome.total_time / *auto_converge));
  }
  [[nodiscard]] LawSummary means() const {
    LawSummary done = law;
    done.total_s = total.value();
    done.downtime_qemu_ms = qemu.value();
    done.downtime_ms = events.value();
    done.outage_ms = probe.value();
    done.bytes = bytes.value();
    done.slowdown = slowdown.value();
    done.against_auto_converge = log_ratio.any() ? std::exp(log_ratio.value()) : 0;
    return done;
  }
};

/// By the share that was kept, then by the time that it took: more is better.
std::pair<double, double> merit(const LawSummary& law) {
  const int completed = law.runs - law.endless;
  const double share = law.runs > 0 ? static_cast<double>(law.kept) / law.runs : 0.0;
  return {share, completed > 0 ? -law.total_s : -1e9};
}

}  // namespace

bool keeps(const MigrationOutcome& outcome, const Intent& intent) {
  if (outcome.status != OutcomeStatus::kCompleted) return false;
  const auto within = [](const auto& value, const auto& most) {
    return !most || !value || *value <= *most;
  };
  const auto outage = outcome.downtime.probe ? outcome.downtime.probe : outcome.downtime.events;
  return within(outage, intent.max_downtime) && within(outcome.total_time, intent.max_time);
}

SteeredRun steered_run(const Cell& cell, MigrationOutcome outcome) {
  const bool kept = keeps(outcome, intent_of(cell));
  return {cell.law,           cell.spec, cell.link.value(), intent_in_words(cell), cell.repeat,
          std::move(outcome), kept};
}

std::vector<LawSummary> summed_up(const std::vector<SteeredRun>& runs) {
  std::map<TaskKey, bool> possible;
  std::map<TaskKey, Seconds> auto_converge;
  for (const SteeredRun& run : runs) {
    possible[key_of(run)] = possible[key_of(run)] || run.kept;
    if (run.law == "auto-converge" && run.outcome.status == OutcomeStatus::kCompleted) {
      auto_converge[key_of(run)] = *run.outcome.total_time;
    }
  }
  std::vector<Sums> sums;
  for (const SteeredRun& run : runs) {
    auto known = std::find_if(sums.begin(), sums.end(),
                              [&](const Sums& one) { return one.law.law == run.law; });
    if (known == sums.end()) known = sums.insert(sums.end(), Sums{{run.law}});
    ++known->law.runs;
    known->law.kept += run.kept ? 1 : 0;
    known->law.could += possible[key_of(run)] ? 1 : 0;
    known->law.endless += run.outcome.status == OutcomeStatus::kDidNotConverge ? 1 : 0;
    if (run.outcome.status != OutcomeStatus::kCompleted) continue;
    const auto other = auto_converge.find(key_of(run));
    known->add(run.outcome,
               other != auto_converge.end() ? std::optional(other->second) : std::nullopt);
  }
  std::vector<LawSummary> laws;
  for (const Sums& one : sums) laws.push_back(one.means());
  return laws;
}

std::optional<double> rank_correlation(const std::vector<LawSummary>& a,
                                       const std::vector<LawSummary>& b) {
  std::vector<std::pair<double, double>> x;
  std::vector<std::pair<double, double>> y;
  for (const LawSummary& one : a) {
    const auto same = std::find_if(b.begin(), b.end(),
                                   [&](const LawSummary& other) { return other.law == one.law; });
    if (same == b.end()) continue;
    x.push_back(merit(one));
    y.push_back(merit(*same));
  }
  if (x.size() < 3) return std::nullopt;
  return correlation(ranks(x), ranks(y));
}

}  // namespace godwit::bench
