#include "godwit/model/zhang.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "godwit/model/share_search.h"

namespace godwit::model {
namespace {

using Classes = std::vector<AccessClass>;

/// Steps in which the moved guest's work is followed.
constexpr int kSteps = 200;

/// Classes cut in two: the `share` of units that are written least, and the others.
struct Cut {
  Classes first;
  Classes rest;
};

double units(const Classes& classes) {
  double all = 0;
  for (const AccessClass& c : classes) all += c.count;
  return all;
}

Cut cut(Classes classes, double share) {
  std::stable_sort(classes.begin(), classes.end(), [](const AccessClass& a, const AccessClass& b) {
    return a.writes_per_s < b.writes_per_s;
  });
  double left = share * units(classes);
  Cut parts;
  for (const AccessClass& c : classes) {
    AccessClass taken = c;
    taken.count = std::min(c.count, left);
    left -= taken.count;
    AccessClass other = c;
    other.count -= taken.count;
    if (taken.count > 0) parts.first.push_back(taken);
    if (other.count > 0) parts.rest.push_back(other);
  }
  return parts;
}

/// Units written at least once within t.
double written(const Classes& classes, double t) {
  double all = 0;
  for (const AccessClass& c : classes) all += c.count * -std::expm1(-c.writes_per_s * t);
  return all;
}

/// Pre-copy by rounds. Returns the time that it took; `left`: units written in the last round.
double precopy(const Classes& classes, double unit_seconds, double& left) {
  double seconds = units(classes) * unit_seconds;
  double all = seconds;
  left = written(classes, seconds);
  for (int round = 1; round < kMostZhangRounds && left * unit_seconds < kShorterRound * seconds;
       ++round) {
    if (left < 1) break;
    seconds = left * unit_seconds;
    all += seconds;
    left = written(classes, seconds);
  }
  return all;
}

/// What has not come yet of one kind, as the moved guest runs.
struct Missing {
  Classes classes;
  double unit_seconds = 0;
  double stall = 0;         ///< that a miss takes
  double whole_writes = 0;  ///< share

  /// Misses in a second of the guest's work.
  [[nodiscard]] double misses_per_s() const {
    double all = 0;
    for (const AccessClass& c : classes) {
      all += c.count * (c.reads_per_s + c.writes_per_s * (1 - whole_writes));
    }
    return all;
  }
  [[nodiscard]] double seconds() const { return units(classes) * unit_seconds; }
  /// After the guest's work for `work` and a push of `pushed` units, most used first.
  void pass(double work, double pushed) {
    for (AccessClass& c : classes) {
      c.count *= std::exp(-(c.reads_per_s + c.writes_per_s) * work);
      const double arrived = std::min(c.count, pushed);
      c.count -= arrived;
      pushed -= arrived;
    }
  }
};

Missing missing(Classes rest, const AccessProfile& profile, const ZhangLink& link) {
  std::stable_sort(rest.begin(), rest.end(), [](const AccessClass& a, const AccessClass& b) {
    return a.reads_per_s + a.writes_per_s > b.reads_per_s + b.writes_per_s;
  });
  const double unit = (profile.unit / link.rate).count();
  return {std::move(rest), unit, link.round_trip.count() + unit, profile.whole_writes.value()};
}

/// Delta-T: how long the moved guest takes for the work of `work` seconds. Misses take the link
/// from the push.
double restored_seconds(Missing memory, Missing storage, double work) {
  const double step = work / kSteps;
  double elapsed = 0;
  for (int i = 0; i < kSteps; ++i) {
    const double memory_misses = memory.misses_per_s() * step;
    const double storage_misses = storage.misses_per_s() * step;
    const double wall = step + memory_misses * memory.stall + storage_misses * storage.stall;
    const double fetching =
        memory_misses * memory.unit_seconds + storage_misses * storage.unit_seconds;
    double free = std::max(0.0, wall - fetching);
    const double for_memory = std::min(free, memory.seconds());
    free -= for_memory;
    memory.pass(step, memory.unit_seconds > 0 ? for_memory / memory.unit_seconds : 0);
    storage.pass(step, storage.unit_seconds > 0 ? free / storage.unit_seconds : 0);
    elapsed += wall;
  }
  return elapsed;
}

Result<void> check(const AccessProfile& profile) {
  const auto share = profile.whole_writes.value();
  bool good = (profile.classes.empty() || profile.unit > Bytes(0)) && share >= 0 && share <= 1;
  for (const AccessClass& c : profile.classes) {
    for (const double value : {c.count, c.writes_per_s, c.reads_per_s}) {
      good = good && value >= 0 && std::isfinite(value);
    }
  }
  if (good) return {};
  return fail(ErrorCode::kBadInput, "a count, rate or unit of pages or chunks cannot be meant",
              "give values of at least 0, and a unit above");
}

Result<void> check(const ZhangVm& vm, const ZhangLink& link, Seconds work) {
  GODWIT_CHECK_OK(check(vm.memory));
  GODWIT_CHECK_OK(check(vm.storage));
  const double rate = link.rate.value();
  if (rate > 0 && std::isfinite(rate) && link.round_trip >= Seconds(0) && work > Seconds(0))
    return {};
  return fail(ErrorCode::kBadInput, "a link's rate, its round trip or the work cannot be meant",
              "give a rate and a work above 0");
}

/// Without checks: the search's inner loop.
ZhangOutcome migrate(const ZhangVm& vm, const ZhangLink& link, double m, double s, double work) {
  const Cut memory = cut(vm.memory.classes, m);
  const Cut storage = cut(vm.storage.classes, s);
  const double page_seconds = (vm.memory.unit / link.rate).count();
  const double chunk_seconds = (vm.storage.unit / link.rate).count();
  double chunks_left = 0;
  double pages_left = 0;
  const double for_storage = precopy(storage.first, chunk_seconds, chunks_left);
  const double for_memory = precopy(memory.first, page_seconds, pages_left);
  // while memory is copied, storage is written on
  const double chunks_written = written(storage.first, for_memory);
  chunks_left = std::min(chunks_left + chunks_written, units(storage.first));
  const double down = pages_left * page_seconds + chunks_left * chunk_seconds;
  const double rest = units(memory.rest) * page_seconds + units(storage.rest) * chunk_seconds;
  ZhangOutcome outcome;
  outcome.downtime = Seconds(down);
  outcome.remote_uptime = Seconds(rest);
  outcome.total = Seconds(for_storage + for_memory + down + rest);
  outcome.restored = Seconds(restored_seconds(missing(memory.rest, vm.memory, link),
                                              missing(storage.rest, vm.storage, link), work));
  outcome.agility = work / (down + outcome.restored.count());
  return outcome;
}

}  // namespace

Result<ZhangOutcome> zhang_migration(const ZhangVm& vm, const ZhangLink& link,
                                     const ZhangChoice& choice, Seconds work) {
  GODWIT_CHECK_OK(check(vm, link, work));
  for (const Ratio share : {choice.memory, choice.storage}) {
    if (share.value() >= 0 && share.value() <= 1) continue;
    return fail(ErrorCode::kBadInput, "a share to pre-copy is not within 0...1",
                "give such a share");
  }
  return migrate(vm, link, choice.memory.value(), choice.storage.value(), work.count());
}

Result<ZhangChoice> zhang_search(const ZhangVm& vm, const ZhangLink& link, Seconds work) {
  GODWIT_CHECK_OK(check(vm, link, work));
  const ZhangVm storage_only{{{}, vm.memory.unit, {}}, vm.storage};
  return their_shares(
      [&](double s) { return migrate(storage_only, link, 0, s, work.count()).agility; },
      [&](double m, double s) { return migrate(vm, link, m, s, work.count()).agility; });
}

Result<ZhangChoice> best_fractions(const ZhangVm& vm, const ZhangLink& link, Seconds work) {
  GODWIT_TRY(const ZhangChoice theirs, zhang_search(vm, link, work));
  return best_shares(
      [&](double m, double s) { return migrate(vm, link, m, s, work.count()).agility; }, theirs,
      {true, !vm.storage.classes.empty()});
}

}  // namespace godwit::model
