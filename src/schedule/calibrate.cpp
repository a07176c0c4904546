#include "godwit/schedule/calibrate.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <set>

#include "godwit/base/statistics.h"

namespace godwit::schedule {
namespace {

/// Weight of the makespan beside the durations, of which there are many more.
constexpr double kMakespanWeight = 0.5;
/// Each halves the steps: the last is 1/16 of the first.
constexpr int kHalvings = 5;

double last_end(std::span<const TimeSpan> spans) {
  double last = 0;
  for (const TimeSpan& span : spans) last = std::max(last, span.end.count());
  return last;
}

double relative_error(double predicted, double actual) {
  return actual > 0 ? std::abs(predicted - actual) / actual : 0;
}

double loss_of(std::span<const ExecutedPlan> plans, const TransferModel& model) {
  double durations = 0, makespans = 0;
  double moves = 0, runs = 0;
  for (const ExecutedPlan& plan : plans) {
    const auto predicted = Replay(plan.paths, plan.hosts, model).run(plan.moves);
    for (const auto& actual : plan.runs) {
      for (std::size_t i = 0; i < actual.size(); ++i, ++moves) {
        durations += relative_error(predicted[i].length().count(), actual[i].length().count());
      }
      makespans += relative_error(last_end(predicted), last_end(actual));
      ++runs;
    }
  }
  return durations / std::max(moves, 1.0) + kMakespanWeight * makespans / std::max(runs, 1.0);
}

/// A constant within its bounds, and the step by which it is tried first.
struct Constant {
  std::function<double&(TransferModel&)> of;
  double least, most, step;
};

std::vector<Constant> constants_of(const TransferModel& model) {
  std::vector<Constant> all;
  for (std::size_t i = 0; i < model.goodputs.size(); ++i) {
    all.push_back(
        {[i](TransferModel& m) -> double& { return m.goodputs[i].share; }, 0.3, 1.2, 0.01});
  }
  for (const auto& [host, share] : model.receives_while_sending) {
    all.push_back(
        {[name = host](TransferModel& m) -> double& { return m.receives_while_sending[name]; }, 0.2,
         1, 0.02});
  }
  all.push_back({[](TransferModel& m) -> double& { return m.hot_passes; }, 0, 5, 0.3});
  all.push_back({[](TransferModel& m) -> double& { return m.delays_from; }, 0.5, 0.99, 0.03});
  all.push_back({[](TransferModel& m) -> double& { return m.fan_in_loss; }, 0, 0.5, 0.02});
  return all;
}

/// One step up and one down, as long as it gets better.
void walk(const Constant& constant, double step, std::span<const ExecutedPlan> plans,
          TransferModel& model, double& best) {
  for (const double sign : {1.0, -1.0}) {
    for (;;) {
      TransferModel tried = model;
      double& value = constant.of(tried);
      value = std::clamp(value + sign * step, constant.least, constant.most);
      const double loss = loss_of(plans, tried);
      if (loss >= best - 1e-7) break;
      model = std::move(tried);
      best = loss;
    }
  }
}

TransferModel beginning(std::span<const ExecutedPlan> plans) {
  TransferModel model = usual_transfer_model();
  std::set<BytesPerSecond> planned;
  std::set<std::string> both;
  for (const ExecutedPlan& plan : plans) {
    std::set<std::size_t> sending, receiving;
    for (const OrderedMove& move : plan.moves) {
      planned.insert(move.planned);
      sending.insert(move.from);
      receiving.insert(move.to);
    }
    for (const std::size_t host : sending) {
      if (receiving.contains(host)) both.insert(plan.hosts[host]);
    }
  }
  std::vector<Goodput> goodputs;
  for (const BytesPerSecond rate : planned) {
    goodputs.push_back({rate, goodput(model, rate) / rate});
  }
  if (!goodputs.empty()) model.goodputs = std::move(goodputs);
  for (const std::string& host : both) {
    model.receives_while_sending[host] = model.usually_receives_while_sending;
  }
  return model;
}

double error_of(std::span<const ExecutedPlan> plans, const TransferModel& model) {
  std::vector<double> logs;
  for (const ExecutedPlan& plan : plans) {
    const auto predicted = Replay(plan.paths, plan.hosts, model).run(plan.moves);
    for (const auto& actual : plan.runs) {
      for (std::size_t i = 0; i < actual.size(); ++i) {
        const double ratio = actual[i].length() / predicted[i].length();
        if (ratio > 0) logs.push_back(std::abs(std::log(ratio)));
      }
    }
  }
  // By the 90th percentile, since a few runs are far off: 1.645 deviations, were it normal.
  return logs.empty() ? model.error : quantile(std::move(logs), 0.9) / kNormal95;
}

}  // namespace

TransferModel calibrate(std::span<const ExecutedPlan> plans) {
  TransferModel model = beginning(plans);
  if (plans.empty()) return model;
  double best = loss_of(plans, model);
  const std::vector<Constant> constants = constants_of(model);
  for (int halving = 0; halving < kHalvings; ++halving) {
    for (const Constant& constant : constants) {
      walk(constant, constant.step * std::exp2(-halving), plans, model, best);
    }
  }
  if (!model.receives_while_sending.empty()) {
    double sum = 0;
    for (const auto& [host, share] : model.receives_while_sending) sum += share;
    model.usually_receives_while_sending =
        sum / static_cast<double>(model.receives_while_sending.size());
  }
  model.error = error_of(plans, model);
  return model;
}

}  // namespace godwit::schedule
