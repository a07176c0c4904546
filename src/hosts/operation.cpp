#include "godwit/hosts/operation.h"

#include <fmt/format.h>
#include <unistd.h>

#include <ctime>
#include <utility>

#include "godwit/base/log.h"
#include "godwit/base/quantity.h"
#include "godwit/fleet/replay.h"
#include "wishes.h"

namespace godwit::hosts {
namespace {

using Kind = fleet::Entry::Kind;

/// The same situation gives the same plan.
constexpr std::uint64_t kSeed = 1;

/// What guests did longer ago says little of what they do now: four weeks, in microseconds.
constexpr std::int64_t kHabitsHoldFor = std::int64_t{28} * 86400 * 1'000'000;

/// As this machine's clock shows it.
fleet::LocalHour local_hour(std::int64_t wall_us) {
  const auto when = static_cast<std::time_t>(wall_us / 1'000'000);
  std::tm local{};
  ::localtime_r(&when, &local);
  return {local.tm_hour, std::int64_t{local.tm_year} * 366 + local.tm_yday};
}

class NobodyWaits final : public fleet::MoveWatcher {
 public:
  Result<void> destination_started(const std::string&) override { return {}; }
  bool await_turn() override { return true; }
  void on_progress(const control::Progress&) override {}
  void warning(const std::string&) override {}
};

/// A move is not begun towards a host that was cordoned meanwhile.
class MindsCordons final : public fleet::Mover {
 public:
  MindsCordons(fleet::Mover& mover, std::filesystem::path cordons)
      : mover_(mover), cordons_(std::move(cordons)) {}

  Result<std::string> settle(const std::string& vm, std::stop_token stop) override {
    return mover_.settle(vm, std::move(stop));
  }
  Result<void> check_destination(const std::string& vm, const std::string& host) override {
    GODWIT_TRY(const auto entries, read_record(cordons_));
    if (cordoned(entries).contains(host)) {
      return fail(ErrorCode::kRefused, fmt::format("host {} was cordoned", host));
    }
    return mover_.check_destination(vm, host);
  }
  Result<MigrationOutcome> move(const fleet::MoveOrder& order, fleet::MoveWatcher& watcher,
                                std::stop_token stop) override {
    return mover_.move(order, watcher, std::move(stop));
  }

 private:
  fleet::Mover& mover_;
  std::filesystem::path cordons_;
};

std::string goal_name(const Wanted& wanted) {
  return wanted.restore ? "restore" : "evacuate";
}

/// The run that is gone on with: the same was wanted, and its Godwit did not live to end it.
std::optional<fleet::OpenRun> run_to_go_on(const std::vector<fleet::Entry>& entries,
                                           const Wanted& wanted) {
  auto left = open_run(entries);
  if (left && left->host == wanted.host && left->goal == goal_name(wanted)) return left;
  return std::nullopt;
}

SurveyOptions survey_options(const Wanted& wanted, const std::vector<std::string>& vms) {
  SurveyOptions options = wanted.survey;
  for (const std::string& vm : vms) {
    if (wanted.intents) options.intents[vm] = wanted.intents->of(vm).intent;
  }
  return options;
}

std::string new_run(Clock& clock) {
  return fmt::format("{}-{}", clock.wall_us(), ::getpid());
}

/// Absent: as long as it takes.
std::optional<Seconds> time_left(const Wanted& wanted, const Clock& clock) {
  if (!wanted.by_wall_us) return std::nullopt;
  return Seconds(static_cast<double>(*wanted.by_wall_us - clock.wall_us()) * 1e-6);
}

/// `took`: the way to the plan, which another plan takes once more.
std::optional<Error> too_late(std::optional<Seconds> left, Seconds took,
                              const fleet::FleetPlan& plan) {
  if (!left || plan.finish.p95 <= *left) return std::nullopt;
  return Error{
      ErrorCode::kImpossible,
      fmt::format(
          "it would be done after {} ({} to {} in 90 % of cases), and there {}",
          human(plan.finish.p50), human(plan.finish.p05), human(plan.finish.p95),
          *left > Seconds(0) ? fmt::format("are {} left", human(*left)) : "is no time left"),
      fmt::format("give it {}, or keep VMs where they are", human(plan.finish.p95 + took))};
}

}  // namespace

Result<FleetFiles> files_of(const engine::Places& places, const std::string& key) {
  FleetFiles files;
  GODWIT_TRY(files.record, places.fleet(key));
  GODWIT_TRY(files.cordons, places.fleet(key + ".cordons"));
  GODWIT_TRY(files.seen, places.fleet(key + ".seen"));
  return files;
}

Result<void> set_cordon(Clock& clock, const FleetFiles& files, const fleet::Inventory& inventory,
                        const std::string& host, bool cordon) {
  if (!host_index(inventory, host)) {
    return fail(ErrorCode::kNotFound, fmt::format("{} has no host '{}'", inventory.name, host),
                fmt::format("its hosts are: {}", host_names(inventory)));
  }
  GODWIT_TRY(const auto record, FileRecord::open(files.cordons));
  fleet::Entry entry;
  entry.kind = cordon ? Kind::kCordoned : Kind::kUncordoned;
  entry.wall_us = clock.wall_us();
  entry.host = host;
  return record->append(entry);
}

Operation::Operation(Clock& clock, Fleet& fleet, EngineMaker engines, engine::Places places,
                     FleetFiles files, std::stop_token stop)
    : clock_(clock),
      fleet_(fleet),
      engines_(std::move(engines)),
      places_(std::move(places)),
      files_(std::move(files)),
      stop_(std::move(stop)) {}

Result<void> Operation::begin() {
  GODWIT_TRY(record_, FileRecord::open(files_.record));
  GODWIT_TRY(const auto entries, read_record(files_.record));
  return settle_left(entries);
}

/// Of each VM that was under way, the truth is written down.
Result<void> Operation::settle_left(const std::vector<fleet::Entry>& entries) {
  for (const auto& [vm, left] : under_way(entries)) GODWIT_CHECK_OK(settle(vm, left));
  return {};
}

Result<void> Operation::settle(const std::string& vm, const fleet::Entry& left) {
  const auto place = fleet_.settle(vm, stop_);
  fleet::Entry entry = left;
  entry.wall_us = clock_.wall_us();
  entry.kind = Kind::kNotMoved;
  entry.why = "its godwit was killed";
  if (!place && place.error().code == ErrorCode::kNotFound) {
    entry.kind = Kind::kGone;
  } else if (!place && place.error().code == ErrorCode::kInterrupted) {
    return fail(place.error());
  } else if (!place) {
    leave_alone(vm, left, place.error());
    return {};
  } else if (*place == left.to) {
    entry.kind = Kind::kMoved;
    entry.why.clear();
  }
  GODWIT_CHECK_OK(record_->append(entry));
  log::warning("VM {} was being moved by a godwit that was killed: it {}", vm,
               entry.kind == Kind::kGone ? "is gone" : fmt::format("runs on host {}", *place));
  return {};
}

/// Nothing is written down, so the next run asks again.
void Operation::leave_alone(const std::string& vm, const fleet::Entry& left, const Error& why) {
  const std::string reason = fmt::format(
      "it was being moved from host {} to host {}, and it is not certain where it is: {}",
      left.from, left.to, why.message);
  log::warning("VM {} is left alone: {}", vm, reason);
  unclear_[vm] = {{vm, reason, why.what_to_do}, {left.from, left.to}};
}

Result<fleet::Inventory> Operation::look() {
  GODWIT_TRY(fleet::Inventory inventory, fleet_.look());
  GODWIT_TRY(const auto cordons, read_record(files_.cordons));
  const auto hosts = cordoned(cordons);
  for (fleet::FleetHost& host : inventory.hosts) {
    host.cordoned = host.cordoned || hosts.contains(host.name);
  }
  return inventory;
}

Result<fleet::Goal> Operation::goal_of(const Wanted& wanted,
                                       const fleet::Inventory& inventory) const {
  fleet::Goal goal;
  if (!wanted.restore) {
    goal.empty = wanted.host;
    goal.to = wanted.to;
    goal.keep = wanted.keep;
    if (wanted.intents) keep_those_that_stay(*wanted.intents, inventory, goal);
    return goal;
  }
  const auto away = evacuated(entries_);
  for (const auto& [vm, home] : away) {
    const fleet::FleetVm* const there = find_vm(inventory, vm);
    const bool stays = wanted.intents && wanted.intents->of(vm).stays;
    const bool away_now = there != nullptr && (there->host != home || unclear_.contains(vm));
    if (home == wanted.host && away_now && !stays) goal.bring[vm] = home;
  }
  return goal;
}

Result<Draft> Operation::draft(const Wanted& wanted,
                               const std::function<void(const fleet::Estimate&)>& surveyed) {
  const TimePoint began = clock_.now();
  GODWIT_TRY(entries_, read_record(files_.record));
  Draft draft;
  draft.costs = fleet_.costs(entries_);
  GODWIT_TRY(draft.situation.inventory, look());
  fleet::Inventory& inventory = draft.situation.inventory;
  if (wanted.restore && host_index(inventory, wanted.host)) {  // its cordon is lifted with it
    inventory.hosts[*host_index(inventory, wanted.host)].cordoned = false;
  }
  const auto left = run_to_go_on(entries_, wanted);
  if (wanted.intents) {
    const auto now = left ? std::nullopt : std::optional(clock_.wall_us());
    const auto known = check(*wanted.intents, inventory, now);
    if (!known) return fail(known.error().while_doing(wanted.intents->name));
  }
  GODWIT_TRY(draft.situation.goal, goal_of(wanted, inventory));
  fleet::Goal known = draft.situation.goal;
  known.within = time_left(wanted, clock_);
  if (wanted.restore) known.to = {wanted.host};  // is there such a host?
  GODWIT_CHECK_OK(check(inventory, known));
  draft.situation.unclear = unclear_;
  auto vms = vms_to_move(inventory, draft.situation.goal);
  std::erase_if(vms, [this](const std::string& vm) { return unclear_.contains(vm); });
  GODWIT_TRY(draft.situation.estimates,
             survey(fleet_, inventory, vms, engines_, places_, survey_options(wanted, vms),
                    draft.costs, stop_, surveyed));
  keep_what_was_seen(draft.situation.estimates);
  if (wanted.intents) {  // as late as can be: observing took its time
    draft.situation.goal.wishes = wishes_of(*wanted.intents, inventory, clock_.wall_us());
  }
  Rng rng(kSeed);
  GODWIT_TRY(draft.plan, make_plan(draft.situation, draft.costs, rng));
  draft.too_late = too_late(time_left(wanted, clock_), clock_.now() - began, draft.plan);
  if (left) draft.earlier = left->moved;
  return draft;
}

/// A survey whose record fails is as good as any other.
void Operation::keep_what_was_seen(const std::map<std::string, fleet::Estimate>& estimates) const {
  if (files_.seen.empty()) return;
  const std::int64_t now = clock_.wall_us();
  std::vector<fleet::Entry> entries;
  for (const auto& [vm, estimate] : estimates) {
    if (!estimate.profile || estimate.ways.empty()) continue;
    fleet::Entry entry;
    entry.kind = Kind::kSeen;
    entry.wall_us = now;
    entry.vm = vm;
    entry.technique = to_string(estimate.ways.front().technique);
    entry.load = estimate.ways.front().load;
    entries.push_back(std::move(entry));
  }
  if (entries.empty()) return;
  const auto file = FileRecord::open(files_.seen);
  for (const fleet::Entry& entry : entries) {
    const auto kept = file ? (*file)->append(entry) : fail(file.error());
    if (kept) continue;
    return log::warning("what was seen of the VMs is not kept: {}", kept.error().message);
  }
}

Result<std::vector<fleet::HourCost>> Operation::hours(const Draft& draft) const {
  if (files_.seen.empty()) return std::vector<fleet::HourCost>();
  GODWIT_TRY(auto entries, read_record(files_.seen));
  std::erase_if(entries, [oldest = clock_.wall_us() - kHabitsHoldFor](const fleet::Entry& entry) {
    return entry.wall_us < oldest;
  });
  return cost_by_hour(draft.situation, draft.costs, entries, local_hour, kSeed);
}

Result<fleet::RunOutcome> Operation::simulate(const Draft& draft) {
  NobodyWaits watcher;
  std::map<std::string, MigrationOutcome> outcomes;
  for (const fleet::PlannedMove& move : draft.plan.moves) {
    const fleet::MoveOrder order{move, move.longest * fleet::kPatience,
                                 &draft.situation.estimates.at(move.vm)};
    auto outcome = fleet_.move(order, watcher, stop_);
    if (!outcome) return fail(outcome.error().while_doing("VM " + move.vm));
    outcomes[move.vm] = std::move(*outcome);
  }
  return replay(draft.plan, draft.costs, outcomes);
}

Result<fleet::RunOutcome> Operation::run(const Wanted& wanted, Draft draft,
                                         fleet::RunObserver& observer) {
  GODWIT_CHECK_OK(
      set_cordon(clock_, files_, draft.situation.inventory, wanted.host, !wanted.restore));
  const auto left = run_to_go_on(entries_, wanted);
  fleet::Entry began;
  began.wall_us = clock_.wall_us();
  began.run = left ? left->id : new_run(clock_);
  began.host = wanted.host;
  began.goal = goal_name(wanted);
  GODWIT_CHECK_OK(record_->append(began));
  MindsCordons mover(fleet_, files_.cordons);
  const fleet::Costs costs = draft.costs;
  const fleet::RunParts parts{clock_, mover, *record_, observer,
                              [costs](const fleet::Situation& now) {
                                Rng rng(kSeed);
                                return make_plan(now, costs, rng);
                              }};
  return run_plan(parts, std::move(draft.situation), std::move(draft.plan), began.run, stop_);
}

}  // namespace godwit::hosts
