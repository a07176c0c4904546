#include "godwit/agility/agility.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "godwit/base/quantity.h"
#include "godwit/domain/downtime_limit.h"

namespace godwit::agility {
namespace {

/// How far the link's rate is from the stated one: as the twin's (HostPairConstants::rate_error).
constexpr double kRateError = 0.03;
/// How far writes over minutes are from those of some seconds. Assumed: nobody has measured it.
constexpr double kWritesError = 0.5;
/// Factor by which DiskCosts differ from move to move (docs/disks.md).
constexpr double kCostsError = 1.5;

/// A bound of all intervals of a prediction, and the course of the disks that goes with it.
struct Corner {
  enum class Going { kLikely, kWell, kBadly };
  Going going;
  DiskChance chance;
};
constexpr std::array kCorners{
    Corner{Corner::Going::kLikely, {}},
    Corner{Corner::Going::kWell, {1 + kRateError, 1 - kWritesError, 1 / kCostsError}},
    Corner{Corner::Going::kBadly, {1 - kRateError, 1 + kWritesError, kCostsError}}};

/// Of what is better the less it is.
template <class AnyInterval>
auto& bound(AnyInterval& interval, const Corner& corner) {
  if (corner.going == Corner::Going::kLikely) return interval.p50;
  return corner.going == Corner::Going::kWell ? interval.p05 : interval.p95;
}

/// The last round of a post-copy: from the switchover until memory has come. Of pre-copy nothing.
double remote_seconds(const TechniquePrediction& p) {
  const bool remote = uses_postcopy(p.technique) && !p.rounds.empty() && p.downtime.qemu &&
                      p.rounds.back().duration > p.downtime.qemu->p50;
  return remote ? p.rounds.back().duration.count() : 0;
}

/// `slowdown` is of the whole time; what is not downtime is lost at the destination where memory
/// still comes, and before the switchover otherwise.
MemoryCourse memory_of(const TechniquePrediction& p, const Corner& corner) {
  MemoryCourse memory;
  const double total = bound(*p.total_time, corner).count();
  memory.downtime = bound(*p.downtime.events, corner).count();
  memory.remote = std::min(remote_seconds(p), total);
  memory.seconds = std::max(total - memory.remote - memory.downtime, 0.0);
  memory.downtime_limit = p.parameters.downtime_limit.value_or(kDefaultDowntimeLimit).count();
  if (memory.remote > 0 && p.slowdown) {
    const double lost = bound(*p.slowdown, corner).value() * total - memory.downtime;
    memory.lost = std::clamp(lost, 0.0, memory.remote);
  }
  return memory;
}

bool has_time(const TechniquePrediction& p) {
  return p.total_time && p.downtime.events;
}

double agility_without_disks(const MemoryCourse& memory) {
  constexpr double kWork = model::kZhangWork.count();
  return kWork / (memory.downtime + kWork + memory.lost);
}

Bytes whole_bytes(double bytes) {
  return Bytes(std::llround(bytes));
}

/// Where all goes well agility is high.
void put(Interval<Ratio>& agility, const Corner& corner, double value) {
  const bool well = corner.going == Corner::Going::kWell;
  const bool badly = corner.going == Corner::Going::kBadly;
  (well ? agility.p95 : badly ? agility.p05 : agility.p50) = Ratio(value);
}

void later(const Corner& corner, double seconds, std::optional<Interval<Seconds>>& time) {
  if (time) bound(*time, corner) += Seconds(seconds);
}

/// What one course of the disks adds to one bound of everything.
void add(const Corner& corner, const MemoryCourse& memory, const DiskCourse& course,
         TechniquePrediction& p) {
  later(corner, course.ready + course.finish, p.total_time);
  for (auto* kind : {&p.downtime.qemu, &p.downtime.events, &p.downtime.probe}) {
    later(corner, course.finish, *kind);
  }
  StoragePrediction& storage = *p.storage;
  const double total = bound(*p.total_time, corner).count();
  bound(storage.ready_after, corner) = Seconds(course.ready);
  bound(storage.runs_there_after, corner) = Seconds(total - memory.remote);
  bound(storage.independent_after, corner) = Seconds(memory.remote + course.rest);
  bound(storage.done_after, corner) = Seconds(total + course.rest);
  bound(storage.copied, corner) = whole_bytes(course.copied + course.fetched);
  put(*p.agility, corner, course.agility);
}

/// Where a guest writes more, more of it is seen to be hot and goes last, and clusters that it has
/// replaced need not be fetched: no bound is always the higher one.
template <class T>
void order(Interval<T>& interval) {
  interval.p05 = std::min({interval.p05, interval.p50, interval.p95});
  interval.p95 = std::max({interval.p05, interval.p50, interval.p95});
}

std::string disks_text(const StoragePrediction& storage) {
  const std::string before = human(storage.ready_after.p50);
  if (storage.share.value() >= 1) return fmt::format("; its disks take {} before", before);
  return fmt::format(
      "; {:.0f} % of its disks take {} before, and the rest {} afterwards, in which it needs both "
      "hosts",
      storage.share.value() * 100, before, human(storage.independent_after.p50));
}

}  // namespace

void put_agility(TechniquePrediction& prediction) {
  if (!has_time(prediction)) return;
  prediction.agility.emplace();
  for (const Corner& corner : kCorners) {
    put(*prediction.agility, corner, agility_without_disks(memory_of(prediction, corner)));
  }
  order(*prediction.agility);
}

void put_disks(TechniquePrediction& prediction, const DiskModel& disks, Ratio share) {
  prediction.technique.storage = true;
  if (share.value() < 1) prediction.parameters.precopy_storage = share;
  if (!prediction.grounded || !has_time(prediction)) return;
  const TechniquePrediction memory = prediction;
  prediction.storage.emplace().share = share;
  prediction.agility.emplace();
  for (const Corner& corner : kCorners) {
    const MemoryCourse course = memory_of(memory, corner);
    add(corner, course, disks.course(share.value(), course, corner.chance), prediction);
  }
  StoragePrediction& storage = *prediction.storage;
  for (auto* time : {&*prediction.total_time, &storage.ready_after, &storage.runs_there_after,
                     &storage.independent_after, &storage.done_after}) {
    order(*time);
  }
  for (auto* kind :
       {&prediction.downtime.qemu, &prediction.downtime.events, &prediction.downtime.probe}) {
    if (*kind) order(**kind);
  }
  order(storage.copied);
  order(*prediction.agility);
  const Seconds likely = prediction.total_time->p50 - memory.total_time->p50;
  for (Hump& hump : prediction.humps) {
    for (const Corner& corner : kCorners) bound(hump.total_time, corner) += likely;
  }
  prediction.why += disks_text(storage);
}

double agility_of(const TechniquePrediction& memory, const DiskModel* disks, double share) {
  if (!has_time(memory)) return 0;
  const MemoryCourse course = memory_of(memory, kCorners[0]);
  return disks == nullptr ? agility_without_disks(course) : disks->course(share, course).agility;
}

}  // namespace godwit::agility
