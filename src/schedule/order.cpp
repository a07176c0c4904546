#include "order.h"

#include <set>

namespace godwit::schedule {
namespace {

/// Sets of jobs done that are looked at before the search is given up: a fraction of a second.
constexpr std::size_t kMostSets = 20'000;

/// Depth first over sets of jobs that are done: where VMs are depends on the set alone.
class OrderSearch {
 public:
  OrderSearch(const Problem& problem, const std::vector<Job>& jobs)
      : problem_(problem), jobs_(jobs), done_(jobs.size()) {
    for (const HostState& host : problem.hosts) room_.push_back(host.capacity);
    for (const VmState& vm : problem.vms) {
      put(vm, vm.on, -1);
    }
  }

  bool find() {
    std::vector<std::size_t> next(1);  // job to be tried, at each depth
    while (order_.size() < jobs_.size()) {
      std::size_t& job_to_try = next.back();
      while (job_to_try < jobs_.size() && !can(job_to_try)) ++job_to_try;
      if (job_to_try < jobs_.size() && seen_.size() < kMostSets) {
        const std::size_t job = job_to_try++;
        move(job, true);
        if (seen_.insert(done_).second) {
          order_.push_back(job);
          next.push_back(0);
        } else {
          move(job, false);
        }
        continue;
      }
      if (order_.empty() || seen_.size() >= kMostSets) return false;
      move(order_.back(), false);
      order_.pop_back();
      next.pop_back();
    }
    return true;
  }
  [[nodiscard]] std::vector<std::size_t> order() const { return order_; }

 private:
  void put(const VmState& vm, std::size_t host, int sign) {
    room_[host].memory += sign * vm.takes.memory;
    room_[host].cpus += sign * vm.takes.cpus;
    if (!vm.apart.empty()) apart_[{vm.apart, host}] -= sign;
  }

  [[nodiscard]] bool can(std::size_t job) const {
    if (done_[job]) return false;
    const VmState& vm = problem_.vms[jobs_[job].vm];
    const Capacity& room = room_[jobs_[job].to];
    if (room.memory < vm.takes.memory || room.cpus < vm.takes.cpus) return false;
    if (vm.apart.empty()) return true;
    const auto there = apart_.find({vm.apart, jobs_[job].to});
    return there == apart_.end() || there->second == 0;
  }

  void move(std::size_t job, bool there) {
    const VmState& vm = problem_.vms[jobs_[job].vm];
    put(vm, there ? jobs_[job].to : jobs_[job].from, -1);
    put(vm, there ? jobs_[job].from : jobs_[job].to, 1);
    done_[job] = there;
  }

  const Problem& problem_;
  const std::vector<Job>& jobs_;
  std::vector<bool> done_;
  std::vector<Capacity> room_;
  std::map<std::pair<std::string, std::size_t>, int> apart_;
  std::set<std::vector<bool>> seen_;
  std::vector<std::size_t> order_;
};

}  // namespace

std::optional<std::vector<std::size_t>> order_that_fits(const Problem& problem,
                                                        const std::vector<Job>& jobs) {
  OrderSearch search(problem, jobs);
  if (!search.find()) return std::nullopt;
  return search.order();
}

}  // namespace godwit::schedule
