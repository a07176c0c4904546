#pragma once

#include <limits>
#include <map>
#include <queue>
#include <string>
#include <utility>
#include <vector>

#include "godwit/schedule/paths.h"
#include "godwit/schedule/plan.h"

namespace godwit::schedule {

/// A migration that is to be given a time.
struct Job {
  std::size_t vm = 0;
  std::size_t from = 0;
  std::size_t to = 0;
  std::vector<Paths::Link> path;
  BytesPerSecond full;  ///< what the path carries at most
  Seconds shortest{};   ///< at that rate
  Seconds earliest{};   ///< start, by the destination, the overhead and the VM's own
  // Of the VM, since they are looked at often:
  Capacity takes{};
  std::int64_t priority = 0;
  bool grouped = false;  ///< to be apart from others
};

/// Of each VM that is to move. `destinations` as choose_destinations() gives them.
[[nodiscard]] std::vector<Job> jobs_of(const Problem& problem, const Paths& paths,
                                       const TransferModel& model,
                                       const std::vector<std::size_t>& destinations);
[[nodiscard]] Job job_of(const Problem& problem, const Paths& paths, const TransferModel& model,
                         std::size_t vm, std::size_t from, std::size_t to);

/// What list scheduling came to.
struct Listed {
  struct Entry {
    Move move;
    std::size_t job = 0;                ///< index into the jobs given; of a detour, that of its VM
    std::vector<std::size_t> waited{};  ///< entries whose end was its start
    Seconds not_before{};               ///< where it waited for none
  };
  std::vector<Entry> entries;      ///< by start
  std::vector<std::size_t> stuck;  ///< jobs that never found room
  std::size_t looks = 0;           ///< at jobs that wait: what the pass cost
  [[nodiscard]] Seconds makespan() const;
};

/// What a pass prefers among jobs that could start.
struct Preference {
  double others = 1;           ///< weight of the other links of a path beside its busiest
  std::vector<double> bias{};  ///< seconds of work by which a job counts as more urgent; or empty
};

/// One pass over time. What waits for what ended is looked at then; what has room, and rate on all
/// of its path, starts, in order of urgency: the VM's priority, then the work that is left on the
/// links of the path, of which the busiest counts most, plus the job's bias. Where nothing runs
/// and all that waits lacks room, one VM makes room by a detour. `order`: not empty → jobs start in
/// this order.
class ListScheduler {
 public:
  ListScheduler(const Problem& problem, const Paths& paths, const TransferModel& model,
                const std::vector<Job>& jobs);

  [[nodiscard]] Listed run(const Preference& preference,
                           const std::vector<std::size_t>& order = {}) const;

 private:
  const Problem& problem_;
  const Paths& paths_;
  const TransferModel& model_;
  const std::vector<Job>& jobs_;
};

}  // namespace godwit::schedule
