#include "list_schedule.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <set>
#include <tuple>

namespace godwit::schedule {
namespace {

constexpr double kNever = std::numeric_limits<double>::infinity();
/// Share of a link that rounding may eat while rates are taken and given back.
constexpr double kRounding = 1e-6;
/// Starts that fail in a row before the rest is looked through; for speed alone.
constexpr int kInVain = 16;

bool fits(const Capacity& room, const Capacity& takes) {
  return room.memory >= takes.memory && room.cpus >= takes.cpus;
}
void add(Capacity& room, const Capacity& takes, int sign) {
  room.memory += sign * takes.memory;
  room.cpus += sign * takes.cpus;
}

struct Release {
  double when;
  Capacity takes;
};

/// How it stands at one time of the pass.
class Pass {
 public:
  Pass(const Problem& problem, const Paths& paths, const TransferModel& model,
       const std::vector<Job>& jobs, const Preference& preference,
       const std::vector<std::size_t>& order)
      : problem_(problem),
        paths_(paths),
        model_(model),
        preference_(preference),
        order_(order),
        jobs_(jobs) {
    for (const SharedLink& link : paths.links()) left_.push_back(link.capacity.value());
    work_.resize(left_.size());
    active_.resize(left_.size());
    waiting_for_.resize(left_.size());
    releases_.resize(problem.hosts.size());
    to_come_.resize(problem.hosts.size());
    for (const HostState& host : problem.hosts) room_.push_back(host.capacity);
    for (const VmState& vm : problem.vms) {
      at_.push_back(vm.on);
      add(room_[vm.on], vm.takes, -1);
      if (!vm.apart.empty()) ++apart_[{vm.apart, vm.on}];
    }
    for (const UnderWay& one : problem.under_way) {
      under_way_.push_back(paths.between(one.from, problem.vms[one.vm].on));
      take_share(under_way_.size() - 1, -1);
      wakes_.insert(one.until.count());
    }
    is_over_.resize(under_way_.size());
    moving_.resize(problem.vms.size());
    detoured_.resize(problem.vms.size());
    for (std::size_t i = 0; i < jobs.size(); ++i) wait(i, i);
  }

  Listed run() {
    for (bool look_at_all = true;;) {
      if (!order_.empty()) {
        start_in_order();
      } else {
        start_what_can(look_at_all ? all_that_wait() : near_what_ended());
      }
      const double wake = wakes_.empty() ? kNever : *wakes_.begin();
      const double next = std::min(running_.empty() ? kNever : running_.top().first, wake);
      if (next == kNever && !detour()) break;
      look_at_all = next == kNever || wake <= next;
      if (next == kNever) continue;
      now_ = next;
      wakes_.erase(wakes_.begin(), wakes_.upper_bound(now_));
      look_at_all = end_what_ends() || look_at_all;
    }
    for (std::size_t i = 0; i < jobs_.size(); ++i) {
      if (!started_[i]) listed_.stuck.push_back(i);
    }
    return std::move(listed_);
  }

 private:
  /// What a migration that is under way has of the links and of its source: -1 takes it, 1 gives it
  /// back.
  void take_share(std::size_t i, int sign) {
    const UnderWay& one = problem_.under_way[i];
    const VmState& vm = problem_.vms[one.vm];
    for (const Paths::Link link : under_way_[i]) left_[link] += sign * one.rate.value();
    add(room_[one.from], vm.takes, sign);
    if (!vm.apart.empty()) apart_[{vm.apart, one.from}] -= sign;
  }

  /// A VM that makes a detour has its first job changed, and one more.
  [[nodiscard]] const Job& job(std::size_t i) const {
    if (changed_.empty()) return jobs_[i];
    const auto changed = changed_.find(i);
    return changed == changed_.end() ? jobs_[i] : changed->second;
  }

  void wait(std::size_t i, std::size_t origin) {
    origin_.push_back(origin);
    started_.push_back(false);
    waiting_.push_back(i);
    for (const Paths::Link link : job(i).path) {
      waiting_for_[link].push_back(i);
      work_[link] += work_of(job(i), link);
    }
    add(to_come_[job(i).to], problem_.vms[job(i).vm].takes, 1);
    widest_ = std::max(widest_, job(i).full.value());
    longest_ = std::max(longest_, job(i).shortest.count());
  }

  [[nodiscard]] double work_of(const Job& job, Paths::Link link) const {
    return job.shortest.count() * job.full.value() / paths_.links()[link].capacity.value();
  }

  // --- may it start? ---

  /// Since when there has been room for the whole of T_O, or from when on there will have been.
  [[nodiscard]] double room_from(std::size_t host, const Capacity& takes) const {
    Capacity room = room_[host];
    if (!fits(room, takes)) return kNever;
    if (problem_.overhead <= Seconds(0)) return 0;
    const auto& releases = releases_[host];
    for (auto release = releases.rbegin(); release != releases.rend(); ++release) {
      add(room, release->takes, -1);
      if (!fits(room, takes)) return release->when + problem_.overhead.count();
    }
    return 0;
  }

  [[nodiscard]] bool kept_apart(const VmState& vm, std::size_t host) const {
    if (vm.apart.empty()) return true;
    const auto there = apart_.find({vm.apart, host});
    return there == apart_.end() || there->second == 0;
  }

  [[nodiscard]] double rate_left(const Job& job) const {
    double rate = kNever;
    for (const Paths::Link link : job.path) rate = std::min(rate, left_[link]);
    return rate;
  }

  /// Apart from rates. Notes when to look again.
  bool may_start(const Job& job) {
    if (moving_[job.vm] || at_[job.vm] != job.from) return false;
    if (job.grouped && !kept_apart(problem_.vms[job.vm], job.to)) return false;
    const double from = std::max(job.earliest.count(), room_from(job.to, job.takes));
    if (from <= now_) return true;
    if (from < kNever) wakes_.insert(from);
    return false;
  }

  /// The rate at which it is best started now; none where it ends sooner if it waits for all of its
  /// path. Bytes grow with time, so a slow start must pay.
  [[nodiscard]] std::optional<BytesPerSecond> rate_now(const Job& job) const {
    const double left = rate_left(job);
    if (left >= job.full.value() * (1 - kRounding)) return job.full;
    if (left <= job.full.value() * kRounding) return std::nullopt;
    const BytesPerSecond rate(left * (1 - kRounding));
    const Seconds takes = duration(model_, problem_.vms[job.vm].load, rate);
    const bool waiting_ends_sooner = free_by(job, now_ + (takes - job.shortest).count());
    return waiting_ends_sooner ? std::nullopt : std::optional(rate);
  }

  /// Will the whole path be there by then, if nothing else starts before?
  [[nodiscard]] bool free_by(const Job& job, double time) const {
    return std::all_of(job.path.begin(), job.path.end(), [&](Paths::Link link) {
      double left = left_[link];
      for (const std::size_t entry : active_[link]) {
        const Move& move = listed_.entries[entry].move;
        if (move.end.count() <= time) left += move.rate.value();
      }
      for (std::size_t i = 0; i < under_way_.size(); ++i) {
        const UnderWay& one = problem_.under_way[i];
        const auto& path = under_way_[i];
        const bool ends = !is_over_[i] && one.until.count() <= time;
        if (ends && std::count(path.begin(), path.end(), link) > 0) left += one.rate.value();
      }
      return left >= job.full.value() * (1 - kRounding);
    });
  }

  /// A waiting job as its links stand: the rate that is left on its path, and its urgency.
  struct Standing {
    double left = kNever;
    double urgency = 0;
  };
  [[nodiscard]] Standing standing(std::size_t i, const Job& one) const {
    Standing now;
    double most = 0, all = 0;
    for (const Paths::Link link : one.path) {
      now.left = std::min(now.left, left_[link]);
      most = std::max(most, work_[link]);
      all += work_[link];
    }
    now.urgency = std::max(most + preference_.others * (all - most), waits_for_room(one));
    if (!preference_.bias.empty()) now.urgency += preference_.bias[origin_[i]];
    return now;
  }

  /// Where not all that is to come to its source finds room beside it: all of their work, and the
  /// more the sooner it is gone.
  [[nodiscard]] double waits_for_room(const Job& one) const {
    if (fits(room_[one.from], to_come_[one.from])) return 0;
    return work_[Paths::ingress(one.from)] + longest_ - one.shortest.count();
  }

  // --- starts ---

  /// Priority, urgency, and how many jobs come after: the greatest is the best.
  using Ready = std::tuple<std::int64_t, double, std::size_t>;
  [[nodiscard]] std::size_t all_jobs() const { return jobs_.size() + detours_; }
  [[nodiscard]] std::size_t index_of(const Ready& ready) const {
    return all_jobs() - std::get<2>(ready);
  }

  std::vector<std::size_t> all_that_wait() {
    std::erase_if(waiting_, [this](std::size_t i) { return started_[i]; });
    return waiting_;
  }

  /// Only where something was freed can anything start.
  std::vector<std::size_t> near_what_ended() {
    std::vector<std::size_t> near;
    ++look_;
    looked_.resize(started_.size());
    for (const Paths::Link link : freed_) {
      auto& waiting = waiting_for_[link];
      std::erase_if(waiting, [this](std::size_t i) { return started_[i]; });
      for (const std::size_t i : waiting) {
        if (looked_[i] != look_) near.push_back(i);
        looked_[i] = look_;
      }
    }
    return near;
  }

  void start_what_can(const std::vector<std::size_t>& candidates) {
    std::vector<Ready> ready;
    for (const std::size_t i : candidates) {
      const Job& one = job(i);
      const Standing now = standing(i, one);
      if (now.left <= one.full.value() * kRounding || !may_start(one)) continue;
      ready.emplace_back(one.priority, now.urgency, all_jobs() - i);
    }
    listed_.looks += candidates.size();
    start_best_first(ready);
  }

  /// Takes the best, and, where several in a row found that the rate had gone, drops all such.
  void start_best_first(std::vector<Ready>& ready) {
    const auto gone = [this](const Ready& one) {
      const Job& waiting = job(index_of(one));
      return rate_left(waiting) <= waiting.full.value() * kRounding;
    };
    std::make_heap(ready.begin(), ready.end());
    for (int in_vain = 0; !ready.empty();) {
      std::pop_heap(ready.begin(), ready.end());
      const Ready best = ready.back();
      ready.pop_back();
      if (!gone(best)) {
        try_start(index_of(best));
        in_vain = 0;
      } else if (++in_vain == kInVain) {
        std::erase_if(ready, gone);
        std::make_heap(ready.begin(), ready.end());
        in_vain = 0;
      }
    }
  }

  void start_in_order() {
    while (next_in_order_ < order_.size() && try_start(order_[next_in_order_])) ++next_in_order_;
  }

  bool try_start(std::size_t i) {
    if (started_[i] || !may_start(job(i))) return false;
    const auto rate = rate_now(job(i));
    if (!rate) return false;
    start(i, *rate);
    return true;
  }

  void start(std::size_t i, BytesPerSecond rate) {
    const Job& one = job(i);
    const VmState& vm = problem_.vms[one.vm];
    const Seconds takes = duration(model_, vm.load, rate);
    Listed::Entry entry{{one.vm, one.from, one.to, Seconds(now_), Seconds(now_) + takes, rate},
                        origin_[i]};
    if (now_ > one.earliest.count()) entry.waited = what_it_waited_for(one);
    if (entry.waited.empty()) entry.not_before = Seconds(now_);
    for (const Paths::Link link : one.path) {
      left_[link] -= rate.value();
      work_[link] = std::max(0.0, work_[link] - work_of(one, link));
    }
    add(room_[one.to], vm.takes, -1);
    add(to_come_[one.to], vm.takes, -1);
    if (!vm.apart.empty()) ++apart_[{vm.apart, one.to}];
    moving_[one.vm] = true;
    started_[i] = true;
    running_.emplace(entry.move.end.count(), listed_.entries.size());
    for (const Paths::Link link : one.path) active_[link].push_back(listed_.entries.size());
    listed_.entries.push_back(std::move(entry));
    job_of_entry_.push_back(i);
  }

  [[nodiscard]] std::vector<std::size_t> what_it_waited_for(const Job& one) const {
    std::vector<std::size_t> waited;
    for (const std::size_t index : just_ended_) {
      const Job& other = job(job_of_entry_[index]);
      const bool shares = std::any_of(other.path.begin(), other.path.end(), [&](Paths::Link link) {
        return std::find(one.path.begin(), one.path.end(), link) != one.path.end();
      });
      if (shares || other.from == one.to || other.vm == one.vm) waited.push_back(index);
    }
    return waited;
  }

  // --- ends ---

  /// Each that was under way, once; who waits wakes up then, too.
  void end_what_was_under_way() {
    for (std::size_t i = 0; i < under_way_.size(); ++i) {
      const UnderWay& one = problem_.under_way[i];
      if (is_over_[i] || one.until.count() > now_) continue;
      take_share(i, 1);
      is_over_[i] = true;
      if (problem_.overhead > Seconds(0)) {
        releases_[one.from].push_back({now_, problem_.vms[one.vm].takes});
      }
    }
  }

  /// True where more than what waits for freed links may start now.
  bool end_what_ends() {
    just_ended_.clear();
    freed_.clear();
    end_what_was_under_way();
    bool more = false;
    while (!running_.empty() && running_.top().first <= now_) {
      const std::size_t index = running_.top().second;
      running_.pop();
      const Job& one = job(job_of_entry_[index]);
      for (const Paths::Link link : one.path) std::erase(active_[link], index);
      more = end(one, listed_.entries[index].move.rate) || more;
      just_ended_.push_back(index);
    }
    std::sort(freed_.begin(), freed_.end());
    freed_.erase(std::unique(freed_.begin(), freed_.end()), freed_.end());
    return more;
  }

  bool end(const Job& one, BytesPerSecond rate) {
    const VmState& vm = problem_.vms[one.vm];
    for (const Paths::Link link : one.path) {
      // Where there was enough for anybody, nobody waited for it.
      if (left_[link] < widest_) freed_.push_back(link);
      left_[link] += rate.value();
    }
    add(room_[one.from], vm.takes, 1);
    freed_.push_back(Paths::ingress(one.from));
    if (problem_.overhead > Seconds(0)) releases_[one.from].push_back({now_, vm.takes});
    if (!vm.apart.empty()) --apart_[{vm.apart, one.from}];
    at_[one.vm] = one.to;
    moving_[one.vm] = false;
    return !vm.apart.empty() || detoured_[one.vm];
  }

  // --- cycles ---

  /// Is a VM that waits to come to this host in need of room there?
  [[nodiscard]] bool needed(std::size_t host) const {
    return std::any_of(waiting_.begin(), waiting_.end(),
                       [&](std::size_t i) { return !started_[i] && job(i).to == host; });
  }

  /// The shortest way by which a VM that waits can make room where others wait for it.
  [[nodiscard]] std::optional<std::pair<std::size_t, Job>> best_detour() const {
    std::optional<std::pair<std::size_t, Job>> best;
    for (const std::size_t i : waiting_) {
      const Job& one = job(i);
      const VmState& vm = problem_.vms[one.vm];
      if (started_[i] || detoured_[one.vm] || at_[one.vm] != one.from || !needed(one.from))
        continue;
      for (std::size_t host = 0; host < problem_.hosts.size(); ++host) {
        if (host == one.from || host == one.to || problem_.hosts[host].must_be_empty) continue;
        if (!fits(room_[host], vm.takes) || !kept_apart(vm, host) || vm.barred.contains(host)) {
          continue;
        }
        Job way = job_of(problem_, paths_, model_, one.vm, one.from, host);
        const Job on = job_of(problem_, paths_, model_, one.vm, host, one.to);
        if (!(way.shortest.count() < kNever) || !(on.shortest.count() < kNever)) continue;
        if (!best || way.shortest < best->second.shortest) best = {i, std::move(way)};
      }
    }
    return best;
  }

  /// Sends one VM that waits to a third host first. Each at most once.
  bool detour() {
    if (!order_.empty()) return false;
    auto best = best_detour();
    if (!best) return false;
    auto& [i, way] = *best;
    detoured_[way.vm] = true;
    way.earliest = std::max(way.earliest, Seconds(now_) + problem_.overhead);
    const Job on = job_of(problem_, paths_, model_, way.vm, way.to, job(i).to);
    for (const Paths::Link link : on.path) waiting_for_[link].push_back(i);
    const std::size_t added = jobs_.size() + detours_++;
    changed_.insert_or_assign(i, on);
    changed_.insert_or_assign(added, way);
    wait(added, origin_[i]);
    return true;
  }

  const Problem& problem_;
  const Paths& paths_;
  const TransferModel& model_;
  const Preference& preference_;
  const std::vector<std::size_t>& order_;
  const std::vector<Job>& jobs_;
  std::map<std::size_t, Job> changed_;
  std::size_t detours_ = 0;
  std::vector<std::size_t> origin_;  ///< of each job, the one given that it is, or is a detour of

  double now_ = 0;
  std::set<double> wakes_;    ///< when something may start though nothing ends
  double widest_ = 0;         ///< the greatest full rate
  double longest_ = 0;        ///< of the shortest times
  std::vector<double> left_;  ///< rate of each link that is not taken
  std::vector<double> work_;  ///< seconds at full rate that wait for each link
  std::vector<Capacity> room_;
  std::vector<Capacity> to_come_;  ///< what waits to come to each host takes
  std::vector<std::vector<Release>> releases_;
  std::map<std::pair<std::string, std::size_t>, int> apart_;  ///< VMs of a group on, or to, a host
  std::vector<std::size_t> at_;
  std::vector<bool> moving_, detoured_;
  std::vector<bool> started_;                          ///< by job, as origin_
  std::vector<std::size_t> waiting_;                   ///< some have started since
  std::vector<std::vector<std::size_t>> waiting_for_;  ///< by link; some have started since
  std::vector<std::size_t> looked_;                    ///< by job: the last look_ that it was in
  std::size_t look_ = 0;
  std::vector<Paths::Link> freed_;  ///< links on which something may start now
  std::size_t next_in_order_ = 0;
  std::priority_queue<std::pair<double, std::size_t>, std::vector<std::pair<double, std::size_t>>,
                      std::greater<>>
      running_;
  std::vector<std::vector<std::size_t>> active_;     ///< entries that run, by link
  std::vector<std::vector<Paths::Link>> under_way_;  ///< their paths, as the problem's
  std::vector<bool> is_over_;                        ///< likewise
  std::vector<std::size_t> just_ended_;              ///< entries
  std::vector<std::size_t> job_of_entry_;            ///< as listed_.entries
  Listed listed_;
};

}  // namespace

Job job_of(const Problem& problem, const Paths& paths, const TransferModel& model, std::size_t vm,
           std::size_t from, std::size_t to) {
  const BytesPerSecond full = paths.widest(from, to);
  const VmState& state = problem.vms[vm];
  const Seconds usable = std::max(problem.hosts[to].usable_from, Seconds(0));
  return {vm,
          from,
          to,
          paths.between(from, to),
          full,
          full.value() > 0 ? duration(model, state.load, full) : Seconds(kNever),
          std::max(usable + problem.overhead, state.not_before),
          state.takes,
          state.priority,
          !state.apart.empty()};
}

std::vector<Job> jobs_of(const Problem& problem, const Paths& paths, const TransferModel& model,
                         const std::vector<std::size_t>& destinations) {
  std::vector<Job> jobs;
  for (std::size_t vm = 0; vm < destinations.size(); ++vm) {
    const std::size_t from = problem.vms[vm].on;
    if (destinations[vm] == from) continue;
    jobs.push_back(job_of(problem, paths, model, vm, from, destinations[vm]));
  }
  return jobs;
}

Seconds Listed::makespan() const {
  Seconds last{};
  for (const Entry& entry : entries) last = std::max(last, entry.move.end);
  return last;
}

ListScheduler::ListScheduler(const Problem& problem, const Paths& paths, const TransferModel& model,
                             const std::vector<Job>& jobs)
    : problem_(problem), paths_(paths), model_(model), jobs_(jobs) {}

Listed ListScheduler::run(const Preference& preference,
                          const std::vector<std::size_t>& order) const {
  return Pass(problem_, paths_, model_, jobs_, preference, order).run();
}

}  // namespace godwit::schedule
