#include "godwit/hosts/survey.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <thread>
#include <tuple>
#include <utility>

#include "godwit/advise/advise.h"
#include "godwit/base/quantity.h"
#include "godwit/engine/history.h"
#include "godwit/engine/models.h"
#include "godwit/schedule/paths.h"
#include "godwit/twin/predictor.h"

namespace godwit::hosts {
namespace {

/// Observers at once: each takes a tenth of a processor at most.
constexpr std::size_t kObservers = 8;
/// Draws of a prediction: a tenth of those for which somebody waits, as there are many VMs. Bounds
/// of an interval then vary by a tenth of its width.
constexpr int kDraws = twin::kManyDraws / 10;
constexpr std::int64_t kHistory = 100;

/// The widest path that a host of the fleet offers a VM.
BytesPerSecond rate_for(const fleet::Inventory& inventory, const fleet::FleetVm& vm) {
  BytesPerSecond widest;
  const auto from = host_index(inventory, vm.host);
  const auto paths = schedule::Paths::of(inventory.network);
  for (std::size_t to = 0; paths && to < inventory.hosts.size(); ++to) {
    if (to != *from) widest = std::max(widest, paths->widest(*from, to));
  }
  return widest;
}

/// No VM is to stand still for all of its move, and none is compressed: an evacuated host's
/// processors are its guests', and a profile tells what compressing costs on one that is idle.
std::vector<Technique> techniques_for(const advise::Question& question) {
  std::vector<Technique> all;
  for (const Technique one : kLivePresets) {
    const CapabilitySet needed = capabilities_needed(one);
    const bool can = std::includes(question.possible->begin(), question.possible->end(),
                                   needed.begin(), needed.end());
    const bool compresses = twin::needs_contents(one);
    const bool wanted = one.ending != Ending::kFirstEstimate && !compresses &&
                        !(question.intent.no_postcopy && uses_postcopy(one));
    if (can && wanted && twin::predicts(one)) all.push_back(one);
  }
  return all;
}

class Surveyor {
 public:
  Surveyor(Fleet& fleet, const EngineMaker& engines, const engine::Places& places,
           const SurveyOptions& options, const fleet::Costs& costs, std::stop_token stop)
      : fleet_(fleet),
        engines_(engines),
        places_(places),
        options_(options),
        costs_(costs),
        stop_(std::move(stop)),
        learnt_(engine::usual_model(places)) {}

  [[nodiscard]] Result<fleet::Estimate> look_at(const fleet::FleetVm& vm,
                                                const fleet::Inventory& inventory) const;

 private:
  [[nodiscard]] const Intent& intent_of(const std::string& vm) const;
  [[nodiscard]] Result<std::vector<OutcomeRecord>> history_of(const std::string& address) const;
  [[nodiscard]] Result<std::tuple<GuestProfile, CapabilitySet>> seen(
      const fleet::FleetVm& vm, const VmAddress& address) const;
  [[nodiscard]] Result<advise::Question> question_about(const fleet::FleetVm& vm,
                                                        BytesPerSecond rate,
                                                        const VmAddress& address) const;
  [[nodiscard]] Result<fleet::Estimate> estimated(const fleet::FleetVm& vm, BytesPerSecond rate,
                                                  const VmAddress& address) const;
  [[nodiscard]] Result<fleet::Estimate> predicted(const fleet::FleetVm& vm,
                                                  advise::Question question) const;

  Fleet& fleet_;
  const EngineMaker& engines_;
  const engine::Places& places_;
  const SurveyOptions& options_;
  const fleet::Costs& costs_;
  std::stop_token stop_;
  std::shared_ptr<const learn::LearntModel> learnt_;
};

const Intent& Surveyor::intent_of(const std::string& vm) const {
  const auto own = options_.intents.find(vm);
  return own == options_.intents.end() ? options_.intent : own->second;
}

Result<std::vector<OutcomeRecord>> Surveyor::history_of(const std::string& address) const {
  GODWIT_TRY(const auto store, engine::open_store(places_, options_.store));
  HistoryQuery query;
  query.source = address;
  query.limit = kHistory;
  return store->find(query);
}

/// Its profile, and what its QEMU can do.
Result<std::tuple<GuestProfile, CapabilitySet>> Surveyor::seen(const fleet::FleetVm& vm,
                                                               const VmAddress& address) const {
  if (auto known = fleet_.known_profile(vm.name)) {
    CapabilitySet all;
    for (const Technique one : kLivePresets) all.merge(capabilities_needed(one));
    return std::tuple(std::move(*known), std::move(all));
  }
  const auto engine = engines_(stop_);
  engine::Observer silent;
  GODWIT_TRY(engine::OpenVm opened, engine->open(address, engine::Access::kObserve));
  GODWIT_TRY(GuestProfile profile,
             engine->observe(opened, {to_string(address), options_.observe}, silent));
  return std::tuple(std::move(profile), opened.description.can);
}

Result<advise::Question> Surveyor::question_about(const fleet::FleetVm& vm, BytesPerSecond rate,
                                                  const VmAddress& address) const {
  advise::Question question;
  GODWIT_TRY(std::tie(question.profile, question.possible), seen(vm, address));
  question.link = Link{rate, {}};
  question.intent = intent_of(vm.name);
  question.intent.no_postcopy = question.intent.no_postcopy || !fleet_.can_postcopy();
  // the usual patience grows with the VM: 120 s are none for one of 100 GB
  if (!question.intent.max_time) {
    question.intent.max_time = std::max(Seconds(120), (vm.memory / rate) * 4);
  }
  question.techniques = techniques_for(question);
  question.learnt = learnt_.get();
  question.pair = engine::usual_pair(question.learnt);
  question.draws = kDraws;
  return question;
}

/// The advised technique first, then what else converges and is allowed: post-copy first, as it
/// ends whatever the guest does; then throttled, then the fastest.
std::vector<const TechniquePrediction*> ranked(const advise::Advised& advised) {
  std::vector<const TechniquePrediction*> others;
  for (const TechniquePrediction& row : advised.prediction.predictions) {
    const bool first = advised.plan && row.technique == advised.plan->technique;
    if (row.grounded && row.converges && row.total_time && !first) others.push_back(&row);
  }
  std::stable_sort(others.begin(), others.end(), [](const auto* a, const auto* b) {
    const auto rank = [](const TechniquePrediction& row) {
      return std::tuple(!uses_postcopy(row.technique), row.technique.throttle == Throttle::kNone,
                        row.total_time->p95);
    };
    return rank(*a) < rank(*b);
  });
  std::vector<const TechniquePrediction*> all;
  if (advised.plan) all.push_back(&*advised.plan);
  all.insert(all.end(), others.begin(), others.end());
  return all;
}

Result<fleet::Estimate> Surveyor::predicted(const fleet::FleetVm& vm,
                                            advise::Question question) const {
  fleet::Estimate estimate;
  estimate.vm = vm.name;
  estimate.ground = fleet_.known_profile(vm.name)
                        ? "simulated"
                        : fmt::format("observed for {}", human(options_.observe));
  estimate.profile = question.profile;
  GODWIT_TRY(const advise::Advised advised, advise::predict_all(question));
  estimate.predicted = advised.prediction;
  if (advised.refusal) {
    estimate.blocked =
        fleet::Blocked{vm.name, advised.refusal->message, advised.refusal->what_to_do};
    return estimate;
  }
  const BytesPerSecond rate = question.link.rate;
  for (const TechniquePrediction* whole : ranked(advised)) {
    advise::Question slower = question;
    slower.link.rate = rate * Ratio(0.5);
    slower.techniques = {whole->technique};
    slower.parameters = whole->parameters;
    const auto half = advise::predict_all(std::move(slower));
    const auto* const row = half ? find(half->prediction, whole->technique) : nullptr;
    auto way = way_of(*whole, row, rate, costs_);
    if (way) estimate.ways.push_back(std::move(*way));
    if (estimate.ways.size() == 2) break;  // it is tried twice at most
  }
  if (estimate.ways.empty()) {
    estimate.blocked = fleet::Blocked{vm.name, "no technique is known to end within its time",
                                      "allow post-copy, or a longer time"};
  }
  return estimate;
}

/// What stops it whatever it does: nobody has to look at it then.
std::optional<fleet::Blocked> stopped_by(const fleet::FleetVm& vm, BytesPerSecond rate,
                                         const fleet::Inventory& inventory,
                                         const std::map<std::string, Error>& barred) {
  if (rate.value() <= 0) {
    return fleet::Blocked{vm.name, fmt::format("no link leads away from host {}", vm.host),
                          "connect it"};
  }
  if (barred.empty() || barred.size() + 1 < inventory.hosts.size()) return std::nullopt;
  const Error& first = barred.begin()->second;
  return fleet::Blocked{vm.name, first.message, first.what_to_do};
}

Result<fleet::Estimate> Surveyor::look_at(const fleet::FleetVm& vm,
                                          const fleet::Inventory& inventory) const {
  GODWIT_TRY(const VmAddress address, fleet_.address_of(vm.name));
  const BytesPerSecond rate = rate_for(inventory, vm);
  GODWIT_TRY(auto barred, fleet_.barred(vm));
  fleet::Estimate estimate;
  estimate.vm = vm.name;
  estimate.blocked = stopped_by(vm, rate, inventory, barred);
  if (!estimate.blocked) {
    GODWIT_TRY(estimate, estimated(vm, rate, address));
  }
  estimate.barred = std::move(barred);
  estimate.max_time = intent_of(vm.name).max_time;
  return estimate;
}

Result<fleet::Estimate> Surveyor::estimated(const fleet::FleetVm& vm, BytesPerSecond rate,
                                            const VmAddress& address) const {
  if (!options_.profile) {
    GODWIT_TRY(const auto history, history_of(to_string(address)));
    return without_profile(vm.name, vm.memory, rate, history, costs_);
  }
  GODWIT_TRY(auto question, question_about(vm, rate, address));
  return predicted(vm, std::move(question));
}

/// Results of several threads, each VM's in its place.
class Gathering {
 public:
  explicit Gathering(const std::function<void(const fleet::Estimate&)>& surveyed)
      : surveyed_(surveyed) {}
  void add(const std::string& vm, Result<fleet::Estimate> estimate) {
    const std::lock_guard lock(mutex_);
    if (estimate) {
      if (surveyed_) surveyed_(*estimate);
      estimates_[vm] = std::move(*estimate);
    } else if (!error_) {
      error_ = estimate.error().while_doing(fmt::format("VM {}", vm));
    }
  }
  Result<std::map<std::string, fleet::Estimate>> take() {
    if (error_) return fail(*error_);
    return std::move(estimates_);
  }

 private:
  const std::function<void(const fleet::Estimate&)>& surveyed_;
  std::mutex mutex_;
  std::map<std::string, fleet::Estimate> estimates_;
  std::optional<Error> error_;
};

}  // namespace

Result<std::map<std::string, fleet::Estimate>> survey(
    Fleet& fleet, const fleet::Inventory& inventory, const std::vector<std::string>& vms,
    const EngineMaker& engines, const engine::Places& places, const SurveyOptions& options,
    const fleet::Costs& costs, std::stop_token stop,
    const std::function<void(const fleet::Estimate&)>& surveyed) {
  const Surveyor surveyor(fleet, engines, places, options, costs, stop);
  Gathering gathering(surveyed);
  std::atomic<std::size_t> next = 0;
  const auto work = [&] {
    for (std::size_t i = next++; i < vms.size(); i = next++) {
      const fleet::FleetVm& vm = *find_vm(inventory, vms[i]);
      gathering.add(vm.name, surveyor.look_at(vm, inventory));
    }
  };
  {
    std::vector<std::jthread> observers;
    for (std::size_t i = 0; i < std::min(kObservers, vms.size()); ++i) observers.emplace_back(work);
  }
  if (stop.stop_requested()) {
    return fail(ErrorCode::kInterrupted, "stopped while the VMs were observed; nothing was moved");
  }
  return gathering.take();
}

}  // namespace godwit::hosts
