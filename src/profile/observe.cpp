#include "godwit/profile/observe.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "curve_estimate.h"
#include "disk_writes.h"
#include "godwit/base/log.h"
#include "godwit/base/quantity.h"
#include "look_plan.h"
#include "page_change.h"
#include "page_contents.h"
#include "page_hash.h"
#include "page_watch.h"

namespace godwit::profile {
namespace {

constexpr Seconds kShortest{1};
constexpr Seconds kLongest{600};
constexpr Seconds kBetweenReports{0.1};

// The cost of a visit is judged after this many: 8 MiB, enough for cold caches to average out.
constexpr std::int64_t kTrialVisits = 8;

// Of what observing may cost, watching pages takes at most so much.
constexpr double kMostForWatch = 0.5;

// The CPU cap never cuts the sample below this: 1024 pages still tell a share within 2.6 % of RAM,
// and looking at them eight times takes some 25 ms of a CPU.
constexpr std::size_t kFewestChunks = 4;

// Parts of RAM that are told apart by how much of them holds data. A downtime limit of a second is
// some parts of a small guest; a part of a large one is sent in many looks.
constexpr std::int64_t kParts = 32;
constexpr std::int64_t kFewestOfAPart = 16;

// Pages of the first chunks are kept, to see how they change.
constexpr Bytes kKeptAtMost = 16_MiB;

constexpr const char* kBlindSpot =
    "content hashes miss silent stores: a page rewritten with the bytes that it already held "
    "counts as "
    "unchanged here, but is dirty to the hypervisor and is sent again";

Result<void> check(const ObserveOptions& options, Bytes ram) {
  if (!(options.length >= kShortest && options.length <= kLongest)) {
    return fail(ErrorCode::kBadInput, fmt::format("cannot observe for {}", human(options.length)),
                "choose a length from 1s to 10m");
  }
  if (!(options.half_width.value() >= 0 && options.half_width.value() < 0.5 &&
        options.cpu_cap.value() > 0 && options.traffic_cap.value() > 0)) {
    return fail(ErrorCode::kBadInput, "an observation needs caps above 0 and an error below a half",
                "leave them at their defaults");
  }
  if (ram.count() <= 0) {
    return fail(ErrorCode::kBadInput, "the VM has no RAM to observe", "check that it is a VM");
  }
  return {};
}

/// Per second, of what was counted at both times; a counter that was set back says nothing.
Activity activity_between(const ActivityCount& before, const ActivityCount& after, Seconds time) {
  const auto traffic = [&](std::optional<Bytes> ActivityCount::*member) {
    const auto& first = before.*member;
    const auto& second = after.*member;
    return first && second && *second >= *first ? std::optional((*second - *first) / time)
                                                : std::nullopt;
  };
  const auto events = [&](std::optional<std::int64_t> ActivityCount::*member) {
    const auto& first = before.*member;
    const auto& second = after.*member;
    return first && second && *second >= *first
               ? std::optional(static_cast<double>(*second - *first) / time.count())
               : std::nullopt;
  };
  Activity activity;
  activity.disk_read = traffic(&ActivityCount::disk_read);
  activity.disk_written = traffic(&ActivityCount::disk_written);
  activity.net_sent = traffic(&ActivityCount::net_sent);
  activity.net_received = traffic(&ActivityCount::net_received);
  activity.instructions = events(&ActivityCount::instructions);
  activity.cache_misses = events(&ActivityCount::cache_misses);
  return activity;
}

/// One observation: visits the chunks of the plan when they are due, and notes which pages changed.
class Observation {
 public:
  Observation(GuestMemory& memory, Clock& clock, const ObserveOptions& options, LookPlan plan,
              ContentRuns runs, Rng& rng)
      : memory_(memory),
        clock_(clock),
        options_(options),
        plan_(std::move(plan)),
        disks_(options),
        runs_(std::move(runs)) {
    const PageSize page = memory.layout().page_size;
    population_ = page.pages_for(total_size(memory.layout())).count();
    const std::vector<std::byte> zeros(static_cast<std::size_t>(page.bytes().count()));
    hash_of_zeros_ = page_hash(zeros);
    pace_ = page.bytes_of(PageCount(kChunkPages)) / options.traffic_cap;
    kept_ = plan_.chunks.size();
    std::size_t positions = 0;
    for (const auto& pages : plan_.chunks) {
      chunks_.push_back(Chunk(pages.size()));
      const PageCount with_these(static_cast<std::int64_t>(positions + pages.size()));
      if (page.bytes_of(with_these) > kKeptAtMost) continue;
      ++change_chunks_;
      positions += pages.size();
    }
    change_.emplace(positions, page);
    visits_left_ = static_cast<std::int64_t>(kept_ * plan_.looks.size());
    if (!plan_.slots.empty()) watch_.emplace(plan_.watched, plan_.slots.size(), rng);
  }

  Result<void> run(const std::stop_token& stop, const ObserveProgressCallback& progress);
  [[nodiscard]] GuestProfile profile() const;

 private:
  /// What is known of the pages of one chunk of the plan.
  struct Chunk {
    explicit Chunk(std::size_t pages) : hashes(pages), changed(pages) {}
    std::vector<std::uint64_t> hashes;   ///< as of the last look
    std::vector<std::uint32_t> changed;  ///< as in PageChanges
    std::vector<TimePoint> looked;
  };

  Result<void> visit(std::size_t index);
  struct Zeros {
    std::int64_t looked = 0;
    std::int64_t zeros = 0;
    [[nodiscard]] Ratio share() const {
      return Ratio(static_cast<double>(zeros) / static_cast<double>(looked));
    }
  };
  using ZerosByPart = std::array<Zeros, kParts>;
  [[nodiscard]] ZerosByPart zeros_by_part() const;
  void note_zeros(GuestProfile& profile) const;
  void keep_to_cpu_cap();
  void report(const ObserveProgressCallback& progress);
  void note_cost() const;
  [[nodiscard]] ActivityCount count() const {
    return options_.activity != nullptr ? options_.activity->count() : ActivityCount();
  }
  [[nodiscard]] Seconds planned() const { return plan_.looks.back() + plan_.spread; }
  [[nodiscard]] PageChanges changes() const;
  [[nodiscard]] std::optional<Ratio> duplicates() const;

  GuestMemory& memory_;
  Clock& clock_;
  const ObserveOptions& options_;
  LookPlan plan_;
  std::vector<Chunk> chunks_;
  std::size_t kept_ = 0;  ///< chunks that are still looked at: the first ones
  std::uint64_t hash_of_zeros_ = 0;
  Seconds pace_{};  ///< the least time between visits

  TimePoint start_;
  TimePoint end_;
  Activity activity_;
  TimePoint reported_;
  Seconds own_time_before_{};
  Seconds runs_cost_{};  ///< CPU time that a look at runs_ takes
  std::optional<double> vcpu_use_;
  std::int64_t visits_ = 0;
  std::int64_t visits_left_ = 0;  ///< of kept chunks
  PageCount pages_read_;
  Zeros changes_;                ///< that were seen, and those of them that left zeros
  std::int64_t population_ = 0;  ///< pages of the VM

  std::optional<PageWatch> watch_;  ///< as long as the CPU cap allows it
  double watch_visits_ = 0;         ///< of it, in chunks

  std::size_t change_chunks_ = 0;  ///< chunks whose pages `change_` keeps
  std::optional<ChangeSample> change_;
  DiskLooks disks_;
  ContentRuns runs_;
};

Result<void> Observation::run(const std::stop_token& stop,
                              const ObserveProgressCallback& progress) {
  own_time_before_ = memory_.own_cpu_time();
  GODWIT_CHECK_OK(runs_.look(memory_));
  runs_cost_ = memory_.own_cpu_time() - own_time_before_;
  GODWIT_TRY(const std::optional<Seconds> vcpu_before, memory_.vcpu_time());
  const ActivityCount count_before = count();
  start_ = reported_ = clock_.now();
  TimePoint next_allowed = start_;
  for (const LookPlan::Visit& due : plan_.visits()) {
    const bool watched = due.chunk == chunks_.size();
    if (watched ? !watch_ : due.chunk >= kept_) continue;
    if (!clock_.wait_until(std::max(start_ + due.at, next_allowed), stop)) {
      return fail(ErrorCode::kInterrupted, "interrupted while the guest was being observed",
                  "the VM was not touched; run the command again");
    }
    // As planned, no more visits than there are looks can fall together; a late observer may save
    // no more than those up.
    const Seconds burst = pace_ * static_cast<double>(plan_.looks.size());
    next_allowed = std::max(next_allowed, clock_.now() + -burst) + pace_;
    if (watched) {
      GODWIT_CHECK_OK(watch_->look(memory_, clock_.now()));
      watch_visits_ += watch_->chunks();
      next_allowed = next_allowed + pace_ * (watch_->chunks() - 1);
    } else {
      GODWIT_CHECK_OK(visit(due.chunk));
    }
    disks_.look(clock_.now());
    keep_to_cpu_cap();
    report(progress);
  }
  end_ = clock_.now();
  disks_.look(end_);
  GODWIT_CHECK_OK(runs_.look(memory_));
  GODWIT_TRY(const std::optional<Seconds> vcpu_after, memory_.vcpu_time());
  activity_ = activity_between(count_before, count(), end_ - start_);
  if (vcpu_before && vcpu_after) {
    vcpu_use_ = std::max(0.0, (*vcpu_after - *vcpu_before) / (end_ - start_));
  }
  note_cost();
  return {};
}

/// Looks at the pages of one chunk once more. A page that changes while it is read has a hash of
/// its own then: it counts as changed, as it is.
Result<void> Observation::visit(std::size_t index) {
  Chunk& chunk = chunks_[index];
  const std::size_t look = chunk.looked.size();
  chunk.looked.push_back(clock_.now());
  ++visits_;
  --visits_left_;
  pages_read_ += PageCount(static_cast<std::int64_t>(chunk.hashes.size()));
  return memory_.visit_pages(plan_.chunks[index],
                             [&](std::size_t i, std::span<const std::byte> page) {
                               const std::uint64_t hash = page_hash(page);
                               const bool changed = look > 0 && hash != chunk.hashes[i];
                               if (changed) {
                                 chunk.changed[i] |= 1U << (look - 1);
                                 ++changes_.looked;
                                 if (hash == hash_of_zeros_) ++changes_.zeros;
                               }
                               chunk.hashes[i] = hash;
                               if (index >= change_chunks_) return;
                               const std::size_t position = index * kChunkPages + i;
                               if (look == 0) change_->look(position, page);
                               if (changed) change_->look_changed(position, page);
                             });
}

/// As each page was when it was last looked at.
Observation::ZerosByPart Observation::zeros_by_part() const {
  ZerosByPart parts{};
  for (std::size_t c = 0; c < chunks_.size(); ++c) {
    if (chunks_[c].looked.empty()) continue;
    for (std::size_t i = 0; i < chunks_[c].hashes.size(); ++i) {
      const std::int64_t page = plan_.chunks[c][i];
      Zeros& part = parts[static_cast<std::size_t>(page * kParts / population_)];
      ++part.looked;
      if (chunks_[c].hashes[i] == hash_of_zeros_) ++part.zeros;
    }
  }
  return parts;
}

/// By parts only where the sample is dense enough to have met every part.
void Observation::note_zeros(GuestProfile& profile) const {
  const ZerosByPart parts = zeros_by_part();
  Zeros all;
  bool dense = true;
  for (const Zeros& part : parts) {
    all.looked += part.looked;
    all.zeros += part.zeros;
    dense = dense && part.looked >= kFewestOfAPart;
  }
  profile.zero_share = all.share();
  for (const Zeros& part : parts) {
    if (dense) profile.data_by_part.emplace_back(1 - part.share().value());
  }
  if (changes_.looked > 0) profile.changed_to_zero_share = changes_.share();
}

/// Gives chunks up, the last first, until what is left is expected to stay within the cap. Chunks
/// are random parts of the sample, so the rest is still a random one.
void Observation::keep_to_cpu_cap() {
  if (visits_ < kTrialVisits) return;
  const Seconds used = memory_.own_cpu_time() - own_time_before_ - runs_cost_;
  const Seconds each = used / (static_cast<double>(visits_) + watch_visits_);
  // Without the spread, of which there may be little when most chunks are given up.
  const Seconds budget = plan_.looks.back() * options_.cpu_cap.value() - runs_cost_ * 2.0;
  const auto watching = [&] { return each * (watch_ ? watch_->chunks_left() : 0); };
  // What watching takes is a quarter of the rest mostly; where the cap is tight the sample counts.
  if (watching() > budget * kMostForWatch) watch_.reset();
  while (kept_ > kFewestChunks && visits_left_ > 0 &&
         used + watching() + each * static_cast<double>(visits_left_) > budget) {
    --kept_;
    visits_left_ -= static_cast<std::int64_t>(plan_.looks.size() - chunks_[kept_].looked.size());
  }
}

void Observation::report(const ObserveProgressCallback& progress) {
  const TimePoint now = clock_.now();
  if (!progress || now - reported_ < kBetweenReports) return;
  reported_ = now;
  const double done = std::min(1.0, (now - start_) / planned());
  progress({Ratio(done), planned() * (1 - done)});
}

void Observation::note_cost() const {
  const Seconds took = end_ - start_;
  const Seconds used = memory_.own_cpu_time() - own_time_before_;
  const Bytes read = memory_.layout().page_size.bytes_of(pages_read_);
  log::debug(
      "observed for {}: read {} ({} on average) with {:.1f} % of a CPU; kept {} of {} chunks",
      human(took), human(read), human(read / took), 100 * (used / took), kept_,
      plan_.chunks.size());
}

PageChanges Observation::changes() const {
  PageChanges changes;
  changes.page_size = memory_.layout().page_size;
  changes.population = changes.page_size.pages_for(total_size(memory_.layout()));
  changes.looks.resize(plan_.looks.size());
  for (std::size_t i = 0; i < kept_; ++i) {
    const Chunk& chunk = chunks_[i];
    changes.changed.insert(changes.changed.end(), chunk.changed.begin(), chunk.changed.end());
    for (std::size_t k = 0; k < changes.looks.size(); ++k) {
      const auto pages = static_cast<double>(chunk.changed.size());
      changes.looks[k] += (chunk.looked[k] - chunk.looked[0]) * pages;
    }
  }
  for (Seconds& look : changes.looks) look /= static_cast<double>(changes.changed.size());
  return changes;
}

std::optional<Ratio> Observation::duplicates() const {
  std::vector<std::uint64_t> hashes;
  for (std::size_t i = 0; i < kept_; ++i) {
    for (const std::uint64_t hash : chunks_[i].hashes) {
      if (hash != hash_of_zeros_) hashes.push_back(hash);
    }
  }
  return duplicate_share(std::move(hashes));
}

GuestProfile Observation::profile() const {
  const PageChanges seen = changes();
  GuestProfile profile;
  profile.vm = options_.vm;
  profile.ram = total_size(memory_.layout());
  profile.page_size = seen.page_size;
  note_zeros(profile);
  profile.observed = end_ - start_;
  profile.sampled_pages = PageCount(static_cast<std::int64_t>(seen.changed.size()));
  profile.source = DirtySource::kContentHash;
  profile.blind_spot = kBlindSpot;
  profile.dirty_curve = dirty_curve(seen);
  profile.dirty_series = dirty_series(seen);
  if (watch_) profile.write_trace = watch_->trace();
  const auto cpu_time = [this] { return memory_.own_cpu_time(); };
  profile.duplicate_share = duplicates();
  profile.contents = runs_.contents(cpu_time);
  profile.changed_contents = runs_.changed_contents(cpu_time);
  profile.end_contents = runs_.end_contents(cpu_time);
  profile.change = change_->change();
  profile.vcpus = options_.vcpus;
  profile.host_cpus = memory_.host_cpus();
  profile.vcpu_use = vcpu_use_;
  // Two clocks: a vCPU that never rests may seem to use a little more than there is.
  if (vcpu_use_ && options_.vcpus) profile.vcpu_use = std::min<double>(*vcpu_use_, *options_.vcpus);
  profile.activity = activity_;
  profile.disks = disks_.profiles();
  profile.accelerator = options_.accelerator;
  profile.qemu_version = options_.qemu_version;
  return profile;
}

}  // namespace

Result<GuestProfile> observe(GuestMemory& memory, Clock& clock, Rng& rng,
                             const ObserveOptions& options, const std::stop_token& stop,
                             const ObserveProgressCallback& progress) {
  const Bytes ram = total_size(memory.layout());
  GODWIT_CHECK_OK(check(options, ram));
  const PageSize page = memory.layout().page_size;
  const PageCount population = page.pages_for(ram);
  LookPlan plan = plan_looks(options, population, page, rng);
  Observation observation(memory, clock, options, std::move(plan),
                          ContentRuns(population, page, rng), rng);
  GODWIT_CHECK_OK(observation.run(stop, progress));
  return observation.profile();
}

}  // namespace godwit::profile
