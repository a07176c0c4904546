#include "godwit/schedule/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "bound.h"
#include "destinations.h"
#include "godwit/base/statistics.h"
#include "list_schedule.h"
#include "order.h"

namespace godwit::schedule {
namespace {

/// Looks at waiting jobs that all passes of one plan but the first may take together: for 1,728 VMs
/// tens of milliseconds (docs/scheduling.md).
constexpr std::size_t kEffort = 800'000;
/// What a pass costs beside its looks, for each job, in looks.
constexpr std::size_t kLooksByJob = 20;
/// Passes without a better plan after which no more are made.
constexpr int kPatience = 60;
/// Weights that passes take in turn: instances differ in which is best.
constexpr std::array kOthers{1.0, 0.3, 0.0};
/// A plan within this share of its lower bound is good enough: executions differ by more.
constexpr double kNear = 0.005;
/// Draws of all durations, of which the finish's interval is.
constexpr int kDraws = 100;

/// Better: fewer that never find room, then an earlier end.
bool better(const Listed& a, const Listed& b) {
  if (a.stuck.size() != b.stuck.size()) return a.stuck.size() < b.stuck.size();
  return a.makespan() < b.makespan();
}

/// What came last gets more of a say in the next pass (Joslin and Clements, "Squeaky wheel"
/// optimization, 1999), by chance, so that passes differ.
void blame_the_last(const Listed& listed, double longest, Rng& rng, std::vector<double>& bias) {
  const double end = listed.makespan().count();
  for (double& one : bias) one *= 0.8;
  for (const Listed::Entry& entry : listed.entries) {
    if (entry.move.end.count() > end - longest) bias[entry.job] += rng.uniform() * longest;
  }
  for (double& one : bias) one += rng.uniform() * longest * 0.2;
}

Listed search(const Problem& problem, const ListScheduler& scheduler, const std::vector<Job>& jobs,
              Seconds bound, Rng& rng) {
  Listed best = scheduler.run({});
  double longest = 0;
  for (const Job& job : jobs) longest = std::max(longest, job.shortest.count());
  Preference preference{kOthers[0], std::vector<double>(jobs.size())};
  Listed last = best;
  std::size_t effort = 0, passes = 0;
  for (int in_vain = 0; in_vain < kPatience && effort < kEffort; ++in_vain) {
    if (best.stuck.empty() && best.makespan() <= bound * (1 + kNear)) break;
    blame_the_last(last, longest, rng, preference.bias);
    preference.others = kOthers[++passes % kOthers.size()];
    last = scheduler.run(preference);
    effort += last.looks + kLooksByJob * jobs.size();
    if (!better(last, best)) continue;
    best = last;
    in_vain = 0;
  }
  if (best.stuck.empty()) return best;
  const auto order = order_that_fits(problem, jobs);
  if (!order) return best;
  Listed ordered = scheduler.run({}, *order);
  return better(ordered, best) ? ordered : best;
}

/// The same order with durations that err, independently and log-normally.
Interval<Seconds> finish_of(const Listed& listed, double error, Rng& rng) {
  std::vector<double> ends;
  std::vector<double> end(listed.entries.size());
  for (int draw = 0; draw < kDraws; ++draw) {
    double last = 0;
    for (std::size_t i = 0; i < listed.entries.size(); ++i) {
      const Listed::Entry& entry = listed.entries[i];
      double start = entry.not_before.count();
      for (const std::size_t other : entry.waited) start = std::max(start, end[other]);
      end[i] = start + (entry.move.end - entry.move.start).count() * std::exp(error * rng.normal());
      last = std::max(last, end[i]);
    }
    ends.push_back(last);
  }
  std::sort(ends.begin(), ends.end());
  return {Seconds(sorted_quantile(ends, 0.5)), Seconds(sorted_quantile(ends, 0.05)),
          Seconds(sorted_quantile(ends, 0.95))};
}

/// Of the jobs that the schedule has; those that never find room bound nothing.
Seconds bound_of_made(const Problem& problem, const Paths& paths, const TransferModel& model,
                      std::vector<Job> jobs, const Listed& listed) {
  const bool detours = listed.entries.size() + listed.stuck.size() > jobs.size();
  for (auto job = listed.stuck.rbegin(); job != listed.stuck.rend(); ++job) {  // they ascend
    jobs.erase(jobs.begin() + static_cast<std::ptrdiff_t>(*job));
  }
  return detours ? bound_with_detours(problem, paths, model, jobs) : bound_of(problem, paths, jobs);
}

Blocker never_room(const Problem& problem, const Job& job) {
  const VmState& vm = problem.vms[job.vm];
  const std::string& host = problem.hosts[job.to].name;
  return {job.vm,
          fmt::format("host {} never has room for its {} of memory and {} processors beside those "
                      "that are there until they leave, and they wait for room, too",
                      host, vm.takes.memory, vm.takes.cpus),
          fmt::format("make room on host {} or on a third host, if only for a while", host)};
}

}  // namespace

Result<Plan> make_plan(const Problem& problem, const TransferModel& model, Rng& rng) {
  GODWIT_CHECK_OK(check(problem));
  GODWIT_TRY(const Paths paths, Paths::of(problem.network));
  Destinations destinations = choose_destinations(problem, paths, model);
  const std::vector<Job> jobs = jobs_of(problem, paths, model, destinations.of);
  Plan plan;
  const ListScheduler scheduler(problem, paths, model, jobs);
  const Listed listed = search(problem, scheduler, jobs, bound_of(problem, paths, jobs), rng);
  plan.blockers = std::move(destinations.blockers);
  for (const std::size_t job : listed.stuck)
    plan.blockers.push_back(never_room(problem, jobs[job]));
  for (const Listed::Entry& entry : listed.entries) plan.moves.push_back(entry.move);
  plan.makespan = listed.makespan();
  plan.lower_bound = bound_of_made(problem, paths, model, jobs, listed);
  plan.finish = finish_of(listed, model.error, rng);
  return plan;
}

}  // namespace godwit::schedule
