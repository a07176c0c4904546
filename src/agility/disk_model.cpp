#include "godwit/agility/disk_model.h"

#include <algorithm>
#include <cmath>

#include "godwit/agility/share_rules.h"

namespace godwit::agility {
namespace {

constexpr double kObserve = kObserveWrites.count();

/// A cluster of the destination's image: what a guest's read of what is absent fetches at least.
constexpr double kCluster = 64 << 10;
/// QEMU's STREAM_CHUNK (block/stream.c): what a job has under way, behind which a read waits.
constexpr double kStreamChunk = 512 << 10;
/// Of a link that a guest's reads fill, what is left to fetch the rest.
constexpr double kLeastForRest = 0.1;
/// Steps in which the moved guest's work is followed, and in which what is written is weighed
/// against when the rest comes.
constexpr int kSteps = 200;
constexpr int kFixedPointSteps = 4;

double written_share(double writes_per_s, double seconds) {
  return -std::expm1(-writes_per_s * seconds);
}

}  // namespace

std::optional<DiskModel> DiskModel::make(const GuestProfile& profile, const Link& link) {
  if (profile.disks.empty() || link.rate.value() <= 0) return std::nullopt;
  DiskModel model;
  double unwatched = 0;  // bytes
  for (const DiskProfile& disk : profile.disks) {
    if (!disk.allocated || disk.size <= Bytes()) return std::nullopt;
    const double held = std::min(disk.allocated->as_double(), disk.size.as_double());
    model.held_ += held;
    model.longest_hole_ = std::max(model.longest_hole_, disk.size.as_double() - held);
    if (disk.writes) {
      model.add_watched(*disk.writes, held);
    } else {
      unwatched += held;
    }
  }
  const Activity& activity = profile.activity;
  model.reads_ = activity.disk_read.value_or(BytesPerSecond()).value();
  model.link_rate_ = link.rate.value();
  model.round_trip_ = link.round_trip.value_or(Seconds()).count();
  model.note_writes(activity.disk_written.value_or(BytesPerSecond()).value(), unwatched);
  return model;
}

void DiskModel::add_watched(const DiskWrites& writes, double held) {
  for (const ChunkClass& c : writes.classes) {
    const double chunk = writes.chunk.as_double();
    const double bytes = std::min(c.chunks * chunk, held);
    classes_.push_back({bytes, c.writes_per_s, chunk});
    held -= bytes;
  }
  classes_.push_back({held});
}

/// `rate`: bytes/s that the guest writes in all. What disks that were not watched hold is taken to
/// be written all alike, by what is left of it. Of the rest it tells how much of a chunk a write
/// replaces.
void DiskModel::note_writes(double rate, double unwatched) {
  double touched = 0;  // bytes/s, as whole chunks
  for (const Class& c : classes_) touched += c.bytes * c.writes_per_s;
  if (touched > 0) whole_writes_ = std::min(rate / touched, 1.0);
  if (unwatched <= 0) return;
  classes_.push_back({unwatched, std::max(rate - touched, 0.0) / unwatched});
}

double DiskModel::rate(const DiskChance& chance) const {
  return link_rate_ * costs_.goodput * chance.speed;
}

/// What was not written in the two seconds before comes first (disks/ranges.h, `choose_share`): of
/// both groups the same share of each class, as which chunks come first goes by their place.
std::vector<DiskModel::Class> DiskModel::choose(double share, double writes) const {
  std::vector<Class> classes = classes_;
  double cold = 0;
  for (Class& c : classes) {
    c.writes_per_s *= writes;
    cold += c.bytes * (1 - written_share(c.writes_per_s, kObserve));
  }
  const double wanted = share * held_;
  const double of_cold = cold > 0 ? std::min(wanted / cold, 1.0) : 0;
  const double hot = held_ - cold;
  const double of_hot = hot > 0 ? std::clamp((wanted - cold) / hot, 0.0, 1.0) : 0;
  for (Class& c : classes) {
    const double late = written_share(c.writes_per_s, kObserve);
    c.chosen = c.bytes * ((1 - late) * of_cold + late * of_hot);
  }
  return classes;
}

namespace {

/// Bytes, of what was chosen, that are written at least once within so long.
template <class Classes>
double written(const Classes& classes, double seconds) {
  double all = 0;
  for (const auto& c : classes) all += c.chosen * written_share(c.writes_per_s, seconds);
  return all;
}

template <class Classes>
double absent_of(const Classes& classes) {
  double all = 0;
  for (const auto& c : classes) all += c.absent;
  return all;
}

}  // namespace

/// Each round copies what was written in the one before, until nothing is left (QEMU's mirror is
/// ready then), or rounds get no shorter.
DiskModel::Before DiskModel::mirror(const std::vector<Class>& classes, double rate) const {
  Before b{held_ / rate, held_, held_ / rate};
  for (int round = 1; round < model::kMostZhangRounds; ++round) {
    const double again = written(classes, b.last_round);
    if (again < kCluster || again / rate > model::kShorterRound * b.last_round) break;
    b.last_round = again / rate;
    b.seconds += b.last_round;
    b.copied += again;
  }
  return b;
}

/// `StorageShare::end_round`.
DiskModel::Before DiskModel::copy_rounds(const std::vector<Class>& classes, double share,
                                         const DiskChance& chance) const {
  const double rate = this->rate(chance);
  Before b;
  double bytes = share * held_;
  for (int round = 1;; ++round) {
    b.last_round = bytes / rate;
    b.seconds += b.last_round;
    b.copied += bytes;
    if (round >= kMostRounds || bytes <= kSmallRound.as_double()) break;
    bytes = written(classes, b.last_round);
  }
  b.seconds += costs_.set_up * chance.costs + (share > 0 ? kObserve : 0);
  return b;
}

/// QEMU holds a mirror to its limit by the disk's bytes.
DiskModel::Before DiskModel::before(const std::vector<Class>& classes, double share,
                                    const DiskChance& chance) const {
  return share < 1 ? copy_rounds(classes, share, chance)
                   : mirror(classes, link_rate_ * chance.speed);
}

/// What was written within `window` is copied up to `budget` bytes, and else discarded. Returns
/// what was copied.
double DiskModel::leave_absent(std::vector<Class>& classes, double window, double budget) const {
  const double stale = written(classes, window);
  const double copied = std::min(stale, budget);
  const double discarded = stale > 0 ? (stale - copied) / stale : 0;
  for (Class& c : classes) {
    c.absent = c.bytes - c.chosen + c.chosen * written_share(c.writes_per_s, window) * discarded;
  }
  return copied;
}

/// `block-stream` in the disk's order, chunk by chunk, beside the guest's own reads of what is
/// absent, which are half of the first ones on average. Clusters that the guest has replaced by
/// then are not fetched. Of each chunk, of an empty one, too, it first asks what it holds, and then
/// for that; empty ones are not held to a rate (storage/fetch_pace.h).
void DiskModel::fetch(const std::vector<Class>& classes, const DiskChance& chance,
                      DiskCourse& course) const {
  const double rate = this->rate(chance);
  const double absent = absent_of(classes);
  const double demand = held_ > 0 ? reads_ * absent / held_ / 2 : 0;
  const double left = std::max(rate - demand, kLeastForRest * rate);
  const double each = (costs_.chunk * chance.costs + 2 * round_trip_) / kStreamChunk;
  const double holes = longest_hole_ * each;
  course.fetched = absent;
  course.rest = absent / left + absent * each + holes;
  for (int i = 0; i < kFixedPointSteps && whole_writes_ > 0; ++i) {
    double fetched = 0;
    for (const Class& c : classes) {
      const double n = c.writes_per_s * course.rest;  // of whose time a chunk waits a uniform part
      const double kept = n > 1e-9 ? -std::expm1(-n) / n : 1;
      fetched += c.absent * (1 - whole_writes_ * (1 - kept));
    }
    course.fetched = fetched;
    course.rest = fetched / left + fetched * each + holes;
  }
  course.rest += costs_.settle * chance.costs;
}

/// The guest's reads, and writes that replace less than a chunk, wait where the chunk has not come:
/// a round trip, its transfer, and half of what the job has under way. What is absent becomes less
/// from the end of memory's part on; and a write brings its chunk, so that only the first one to
/// each waits, where a read leaves nothing there.
double DiskModel::restored(double absent, const MemoryCourse& memory, const DiskCourse& course,
                           double rate) const {
  constexpr double kWork = model::kZhangWork.count();
  constexpr double kStep = kWork / kSteps;
  const auto touches = [this](double from, double to) {
    double first_writes = 0;
    for (const Class& c : classes_) {
      first_writes += c.bytes / c.chunk *
                      (written_share(c.writes_per_s, to) - written_share(c.writes_per_s, from));
    }
    return reads_ * (to - from) / kCluster + first_writes * (1 - whole_writes_);
  };
  const double wait = round_trip_ + (kCluster + kStreamChunk / 2) / rate;
  const double first = held_ > 0 ? absent / held_ : 0;
  double elapsed = 0;
  for (int i = 0; i < kSteps; ++i) {
    const double done =
        course.rest > 0 ? std::clamp((elapsed - memory.remote) / course.rest, 0.0, 1.0) : 1;
    elapsed += kStep + touches(kStep * i, kStep * (i + 1)) * first * (1 - done) * wait;
  }
  return elapsed + memory.lost;
}

double DiskModel::ready(double share, const DiskChance& chance) const {
  return before(choose(share, chance.writes), share, chance).seconds;
}

DiskCourse DiskModel::course(double share, const MemoryCourse& memory,
                             const DiskChance& chance) const {
  const double speed = rate(chance);
  std::vector<Class> classes = choose(share, chance.writes);
  const Before first = before(classes, share, chance);
  DiskCourse course;
  course.ready = first.seconds;
  course.copied = first.copied;
  if (share < 1) {
    const double budget = memory.downtime_limit * kShareOfDowntime * speed;
    const double last =
        leave_absent(classes, first.last_round + memory.seconds, first.copied > 0 ? budget : 0);
    course.copied += last;
    course.finish = costs_.hand_over * chance.costs + last / speed;
    fetch(classes, chance, course);
  }
  course.restored = restored(absent_of(classes), memory, course, speed);
  course.agility = model::kZhangWork.count() / (memory.downtime + course.finish + course.restored);
  return course;
}

}  // namespace godwit::agility
