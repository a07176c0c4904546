#include "bound.h"

#include <algorithm>
#include <functional>
#include <limits>

namespace godwit::schedule {
namespace {

/// Chains of hosts that wait for each other are followed so far.
constexpr int kChain = 8;

/// What is to leave and to come to one host, as indices of jobs.
struct Traffic {
  std::vector<std::size_t> leaving, coming;
};

class Bound {
 public:
  Bound(const Problem& problem, const Paths& paths, const std::vector<Job>& jobs)
      : problem_(problem), paths_(paths), jobs_(jobs), traffic_(problem.hosts.size()) {
    for (const HostState& host : problem.hosts) room_.push_back(host.capacity);
    for (const VmState& vm : problem.vms) {
      room_[vm.on].memory -= vm.takes.memory;
      room_[vm.on].cpus -= vm.takes.cpus;
    }
    for (std::size_t i = 0; i < jobs.size(); ++i) {
      traffic_[jobs[i].from].leaving.push_back(i);
      traffic_[jobs[i].to].coming.push_back(i);
      earliest_.push_back(jobs[i].earliest.count());
    }
    for (int i = 0; i < kChain && follow_chains(); ++i) {
    }
  }

  [[nodiscard]] double value() const {
    double bound = of_links();
    for (std::size_t i = 0; i < jobs_.size(); ++i) bound = std::max(bound, end_of(i));
    for (std::size_t host = 0; host < traffic_.size(); ++host) {
      bound = std::max(bound, of_host(host));
    }
    return bound;
  }

 private:
  [[nodiscard]] double end_of(std::size_t i) const {
    return earliest_[i] + jobs_[i].shortest.count();
  }
  [[nodiscard]] double work_of(std::size_t i, Paths::Link link) const {
    return jobs_[i].shortest.count() * (jobs_[i].full / paths_.links()[link].capacity);
  }
  [[nodiscard]] const Capacity& takes(std::size_t i) const {
    return problem_.vms[jobs_[i].vm].takes;
  }

  /// True where a start became later.
  bool follow_chains() {
    bool later = false;
    for (std::size_t host = 0; host < traffic_.size(); ++host) {
      double first = std::numeric_limits<double>::infinity();
      for (const std::size_t i : traffic_[host].leaving) first = std::min(first, end_of(i));
      if (first == std::numeric_limits<double>::infinity()) continue;  // nobody leaves
      for (const std::size_t i : traffic_[host].coming) {
        const bool fits =
            takes(i).memory <= room_[host].memory && takes(i).cpus <= room_[host].cpus;
        if (fits || earliest_[i] >= first + problem_.overhead.count()) continue;
        earliest_[i] = first + problem_.overhead.count();
        later = true;
      }
    }
    return later;
  }

  [[nodiscard]] double of_links() const {
    std::vector<std::vector<std::pair<double, double>>> work(paths_.links().size());
    for (std::size_t i = 0; i < jobs_.size(); ++i) {
      for (const Paths::Link link : jobs_[i].path) {
        work[link].emplace_back(earliest_[i], work_of(i, link));
      }
    }
    double bound = 0;
    for (auto& of_link : work) {
      std::sort(of_link.rbegin(), of_link.rend());
      double later = 0;
      for (const auto& [earliest, seconds] : of_link) {
        later += seconds;
        bound = std::max(bound, earliest + later);
      }
    }
    return bound;
  }

  /// The most work of VMs that are to come that so much room can hold, at best (fractional
  /// knapsack).
  [[nodiscard]] double most_work(std::size_t host, std::int64_t room,
                                 std::int64_t Capacity::*kind) const {
    std::vector<std::pair<double, double>> items;  // work by unit, units
    double most = 0;
    for (const std::size_t i : traffic_[host].coming) {
      const double work = work_of(i, Paths::ingress(host));
      const auto units = static_cast<double>(takes(i).*kind);
      if (units <= 0) {
        most += work;
      } else {
        items.emplace_back(work / units, units);
      }
    }
    std::sort(items.rbegin(), items.rend());
    auto left = static_cast<double>(room);
    for (const auto& [by_unit, units] : items) {
      const double taken = std::min(units, left);
      most += by_unit * taken;
      left -= taken;
    }
    return most;
  }

  [[nodiscard]] double of_host(std::size_t host) const {
    const Traffic& traffic = traffic_[host];
    Capacity coming;
    double all = 0;
    for (const std::size_t i : traffic.coming) {
      coming.memory += takes(i).memory;
      coming.cpus += takes(i).cpus;
      all += work_of(i, Paths::ingress(host));
    }
    Capacity room = room_[host];
    if (coming.memory <= room.memory && coming.cpus <= room.cpus) return 0;
    std::vector<double> ends, lengths;
    std::vector<std::int64_t> memories, cpus;
    for (const std::size_t i : traffic.leaving) {
      ends.push_back(end_of(i));
      lengths.push_back(work_of(i, Paths::egress(host)));
      memories.push_back(takes(i).memory);
      cpus.push_back(takes(i).cpus);
    }
    std::sort(ends.begin(), ends.end());
    std::sort(lengths.begin(), lengths.end());
    std::sort(memories.begin(), memories.end(), std::greater<>());
    std::sort(cpus.begin(), cpus.end(), std::greater<>());
    double bound = 0, sent = 0;
    for (std::size_t k = 0; k < ends.size(); ++k) {
      sent += lengths[k];
      const double left = std::max(ends[k], sent) + problem_.overhead.count();
      const double held = std::min(most_work(host, room.memory, &Capacity::memory),
                                   most_work(host, room.cpus, &Capacity::cpus));
      if (held < all) bound = std::max(bound, left + all - held);
      room.memory += memories[k];
      room.cpus += cpus[k];
    }
    return bound;
  }

  const Problem& problem_;
  const Paths& paths_;
  const std::vector<Job>& jobs_;
  std::vector<Traffic> traffic_;
  std::vector<Capacity> room_;    ///< at first
  std::vector<double> earliest_;  ///< start of each job
};

}  // namespace

Seconds bound_of(const Problem& problem, const Paths& paths, const std::vector<Job>& jobs) {
  return Seconds(Bound(problem, paths, jobs).value());
}

Seconds bound_with_detours(const Problem& problem, const Paths& paths, const TransferModel& model,
                           const std::vector<Job>& jobs) {
  std::vector<Seconds> work(paths.links().size());
  Seconds bound{};
  for (const Job& job : jobs) {
    for (const Paths::Link link : {Paths::egress(job.from), Paths::ingress(job.to)}) {
      const Seconds time = duration(model, problem.vms[job.vm].load, paths.links()[link].capacity);
      work[link] += time;
      bound = std::max({bound, work[link], problem.vms[job.vm].not_before + time});
    }
  }
  return bound;
}

}  // namespace godwit::schedule
