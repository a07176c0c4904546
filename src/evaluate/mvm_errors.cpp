#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "godwit/base/statistics.h"
#include "godwit/evaluate/evaluation.h"
#include "godwit/schedule/calibrate.h"
#include "godwit/schedule/paths.h"

namespace godwit::evaluate {
namespace {

using dataset::MvmMove;
using schedule::ExecutedPlan;
using schedule::TimeSpan;

/// Parts into which instances are dealt where none are given to learn from.
constexpr std::size_t kInstanceFolds = 5;
/// Planned times are whole seconds.
constexpr Seconds kSameTime{0.5};

/// An instance: its plan, and its runs.
struct Instance {
  std::vector<MvmMove> plan;  ///< one row for each VM
  std::vector<std::vector<TimeSpan>> runs;
};
using Instances = std::map<std::int64_t, Instance>;

/// Runs that lack a VM of the plan are left out.
Instances instances_of(std::span<const MvmMove> moves) {
  std::map<std::int64_t, std::map<std::int64_t, std::map<std::int64_t, MvmMove>>> rows;
  for (const MvmMove& move : moves) rows[move.instance][move.run][move.vm] = move;
  Instances instances;
  for (const auto& [number, runs] : rows) {
    Instance& instance = instances[number];
    for (const auto& [vm, move] : runs.begin()->second) instance.plan.push_back(move);
    for (const auto& [run, by_vm] : runs) {
      std::vector<TimeSpan> spans;
      for (const MvmMove& planned : instance.plan) {
        const auto found = by_vm.find(planned.vm);
        if (found == by_vm.end()) break;
        spans.push_back({found->second.real_start, found->second.real_end});
      }
      if (spans.size() == instance.plan.size()) instance.runs.push_back(std::move(spans));
    }
  }
  return instances;
}

/// What a host's interface carries: no plan gives a migration more, and none less than all of the
/// narrower of its two hosts.
std::map<std::int64_t, BytesPerSecond> capacities(std::span<const MvmMove> moves,
                                                  std::map<std::int64_t, BytesPerSecond> known) {
  for (const MvmMove& move : moves) {
    for (const std::int64_t host : {move.from, move.to}) {
      known[host] = std::max(known[host], move.planned);
    }
  }
  return known;
}

/// mVM's executor starts a move when those have ended that end where it starts in the plan, and
/// those that leave its destination before it: their memory is what it needs. Holds for each of the
/// 1,000 starts of the set, to a second.
bool waits_for(const MvmMove& move, const MvmMove& other) {
  const bool ends_there = std::chrono::abs(other.planned_end - move.planned_start) <= kSameTime;
  const bool makes_room =
      other.from == move.to && other.planned_end <= move.planned_start + kSameTime;
  return ends_there || makes_room;
}

ExecutedPlan executed(const Instance& instance,
                      const std::map<std::int64_t, BytesPerSecond>& capacity) {
  ExecutedPlan plan;
  Network network;
  std::map<std::int64_t, schedule::Paths::Host> numbers;
  for (const auto& [host, rate] : capacity) {
    numbers[host] = network.hosts.size();
    plan.hosts.push_back(std::to_string(host));
    network.hosts.push_back({plan.hosts.back(), "", rate, rate});
  }
  plan.paths =
      schedule::Paths::of(network).value();  // names and capacities are fit by construction
  for (const MvmMove& move : instance.plan) {
    schedule::OrderedMove ordered{
        {move.memory, move.hot, move.cold}, numbers[move.from], numbers[move.to], move.planned};
    for (std::size_t i = 0; i < instance.plan.size(); ++i) {
      if (instance.plan[i].vm != move.vm && waits_for(move, instance.plan[i])) {
        ordered.after.push_back(i);
      }
    }
    plan.moves.push_back(std::move(ordered));
  }
  plan.runs = instance.runs;
  return plan;
}

/// Median duration of migrations of one size at one planned rate.
class ClassMedians {
 public:
  explicit ClassMedians(const std::vector<const Instance*>& past) {
    std::map<Class, std::vector<double>> durations;
    std::vector<double> all;
    for (const Instance* instance : past) {
      for (const auto& run : instance->runs) {
        for (std::size_t i = 0; i < run.size(); ++i) {
          durations[class_of(instance->plan[i])].push_back(run[i].length().count());
          all.push_back(run[i].length().count());
        }
      }
    }
    for (auto& [key, values] : durations) medians_[key] = quantile(std::move(values), 0.5);
    if (!all.empty()) usual_ = quantile(std::move(all), 0.5);
  }
  [[nodiscard]] double of(const MvmMove& move) const {
    const auto found = medians_.find(class_of(move));
    return found == medians_.end() ? usual_ : found->second;
  }

 private:
  using Class = std::tuple<Bytes, Bytes, BytesPerSecond, BytesPerSecond>;
  static Class class_of(const MvmMove& move) {
    return {move.memory, move.hot, move.cold, move.planned};
  }
  std::map<Class, double> medians_;
  double usual_ = 1;
};

/// Starts and ends by given durations, in the order of the plan: nothing disturbs another.
std::vector<TimeSpan> in_order(const ExecutedPlan& plan, const std::vector<double>& durations) {
  std::vector<TimeSpan> spans(plan.moves.size());
  for (std::size_t pass = 0; pass < plan.moves.size(); ++pass) {  // as deep as a chain can be
    for (std::size_t i = 0; i < spans.size(); ++i) {
      spans[i].start = Seconds(0);
      for (const std::size_t j : plan.moves[i].after) {
        spans[i].start = std::max(spans[i].start, spans[j].end);
      }
      spans[i].end = spans[i].start + Seconds(durations[i]);
    }
  }
  return spans;
}

std::vector<TimeSpan> as_planned(const Instance& instance) {
  std::vector<TimeSpan> spans;
  for (const MvmMove& move : instance.plan) spans.push_back({move.planned_start, move.planned_end});
  return spans;
}

double last_end(const std::vector<TimeSpan>& spans) {
  double last = 0;
  for (const TimeSpan& span : spans) last = std::max(last, span.end.count());
  return last;
}

void judge(const std::string& model, const Instance& instance,
           const std::vector<TimeSpan>& predicted, Evaluation& evaluation) {
  const auto add = [&](Metric metric, double expected, double actual) {
    evaluation.predictions.push_back({model,
                                      "precopy",
                                      metric,
                                      {{expected, expected, expected}, false},
                                      actual,
                                      fmt::format("instance {}", instance.plan.front().instance)});
  };
  for (const auto& run : instance.runs) {
    for (std::size_t i = 0; i < run.size(); ++i) {
      add(Metric::kDuration, predicted[i].length().count(), run[i].length().count());
    }
    add(Metric::kMakespan, last_end(predicted), last_end(run));
  }
}

std::string constants_text(const schedule::TransferModel& model) {
  std::string text = fmt::format("hot memory sent {:.2f} times more", model.hot_passes);
  for (const schedule::Goodput& goodput : model.goodputs) {
    text += fmt::format(", {:.0f} Mbit/s carry {:.1f} %", goodput.planned.value() * 8 / 1e6,
                        goodput.share * 100);
  }
  for (const auto& [host, share] : model.receives_while_sending) {
    text += fmt::format(", host {} receives {:.1f} % while it sends", host, share * 100);
  }
  return text +
         fmt::format(
             ", which begins at {:.1f} %, {:.1f} % lost where several arrive, error {:.1f} %",
             model.delays_from * 100, model.fan_in_loss * 100, model.error * 100);
}

/// Judges some instances by what others teach; gives the constants that these taught.
schedule::TransferModel judge_all(const std::vector<const Instance*>& judged,
                                  const std::vector<const Instance*>& past,
                                  const std::map<std::int64_t, BytesPerSecond>& capacity,
                                  Evaluation& evaluation) {
  std::vector<ExecutedPlan> plans;
  for (const Instance* instance : past) plans.push_back(executed(*instance, capacity));
  const schedule::TransferModel model = schedule::calibrate(plans);
  const ClassMedians medians(past);
  for (const Instance* instance : judged) {
    const ExecutedPlan plan = executed(*instance, capacity);
    std::vector<double> durations;
    for (const MvmMove& move : instance->plan) durations.push_back(medians.of(move));
    judge("mvm", *instance, as_planned(*instance), evaluation);
    judge("class-median", *instance, in_order(plan, durations), evaluation);
    judge("godwit", *instance, schedule::Replay(plan.paths, plan.hosts, model).run(plan.moves),
          evaluation);
  }
  return model;
}

std::vector<const Instance*> pointers(const Instances& instances) {
  std::vector<const Instance*> all;
  for (const auto& [number, instance] : instances) all.push_back(&instance);
  return all;
}

}  // namespace

Evaluation evaluate_mvm(std::span<const MvmMove> judged, std::span<const MvmMove> past) {
  Evaluation evaluation;
  const Instances to_judge = instances_of(judged);
  const Instances to_learn = instances_of(past);
  const auto capacity = capacities(judged, capacities(past, {}));
  const auto all = pointers(to_judge);
  if (!past.empty()) {
    const auto model = judge_all(all, pointers(to_learn), capacity, evaluation);
    evaluation.split = fmt::format("learnt from {} instances of another table: {}", to_learn.size(),
                                   constants_text(model));
  } else {
    schedule::TransferModel model;
    for (std::size_t fold = 0; fold < std::min(kInstanceFolds, all.size()); ++fold) {
      std::vector<const Instance*> inside, outside;
      for (std::size_t i = 0; i < all.size(); ++i) {
        (i % kInstanceFolds == fold ? inside : outside).push_back(all[i]);
      }
      model = judge_all(inside, outside, capacity, evaluation);
    }
    evaluation.split =
        fmt::format("each instance predicted from those of other {} parts; lastly: {}",
                    kInstanceFolds - 1, constants_text(model));
  }
  evaluation.migrations = judged.size();
  evaluation.loads = to_judge.size();
  return evaluation;
}

}  // namespace godwit::evaluate
