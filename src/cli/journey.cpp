#include "journey.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <random>

#include "godwit/advise/storage.h"
#include "godwit/base/log.h"
#include "godwit/base/quantity.h"
#include "godwit/base/rng.h"
#include "godwit/control/migration_run.h"
#include "godwit/control/preflight_disks.h"
#include "godwit/profile/observe.h"
#include "godwit/store/journal.h"
#include "godwit/store/paths.h"
#include "godwit/twin/predictor.h"
#include "learnt.h"
#include "link_estimate.h"
#include "options.h"
#include "progress_bar.h"
#include "rehearse.h"
#include "render.h"
#include "vm_activity.h"

namespace godwit::cli {
namespace {

/// The contract's default for --max-time.
constexpr Seconds kDefaultMaxTime{120};
/// What disks get beside it, of the time that they are expected to take.
constexpr double kPatienceForDisks = 3;
/// Enough of a history to see what a link carries and what its hosts are like.
constexpr std::int64_t kHistory = 100;

std::string progress_note(const control::Progress& p) {
  const bool disks_first = p.phase == MigrationPhase::kNone && p.storage_left;
  if (disks_first) return fmt::format("mirroring, {} of the disks left", human(*p.storage_left));
  std::string note = fmt::format("{}, {} sent", to_string(p.phase), human(p.transferred));
  if (p.rate) note += fmt::format(" at {}", human(*p.rate));
  if (p.standstill) note += fmt::format(", NOTHING SENT for {}", human(*p.standstill));
  if (p.silence) note += fmt::format(", its monitor is silent for {}", human(*p.silence));
  if (p.point_of_no_return) note += ", past the point of no return";
  return note;
}

std::string without_postcopy(const std::string& why) {
  return fmt::format("post-copy is left out, as the destination may not do it: {}", why);
}

/// Sent so far against what is expected in all; QEMU's own "remaining" falls and rises.
double share_done(const control::Progress& p) {
  if (p.eta && (p.elapsed + *p.eta).count() > 0) {
    return p.elapsed.count() / (p.elapsed + *p.eta).count();
  }
  return 0;
}

}  // namespace

Result<GuestProfile> observe_vm(OpenVm& vm, const std::string& name, Seconds duration,
                                Context& context, Ratio cpu_cap) {
  GODWIT_TRY(auto memory, open_memory(*vm.hypervisor));
  ProgressBar bar(context.clock, context.out.bar_stream());
  Rng rng(std::random_device{}());
  profile::ObserveOptions options;
  options.length = duration;
  options.cpu_cap = cpu_cap;
  options.vm = name;
  options.vcpus = vm.description.vcpus;
  options.accelerator = vm.description.accelerator;
  options.qemu_version = vm.description.version;
  VmActivity activity(*vm.hypervisor, vm.description.pid);
  options.activity = &activity;
  return profile::observe(
      *memory, context.clock, rng, options, context.stop,
      [&bar](const profile::ObserveProgress& p) { bar.draw(p.done.value(), p.left, "observing"); });
}

Journey::Journey(Parties parties, Wishes wishes, Context& context)
    : parties_(std::move(parties)), wishes_(std::move(wishes)), context_(context) {
  record_.source = parties_.source_name;
  record_.destination = parties_.destination_name;
}

Result<OutcomeRecord> Journey::go() {
  // First of all, so that a store that cannot be written is known before anything happens.
  if (wishes_.keep) {
    GODWIT_TRY(store_, open_store(wishes_.store));
  }
  if (wishes_.profile) {
    // Whether the VM's memory can be read at all is known before anything is asked of it.
    GODWIT_CHECK_OK(open_memory(*parties_.source.hypervisor));
  }
  GODWIT_CHECK_OK(look_before());
  if (wishes_.profile) {
    GODWIT_CHECK_OK(predict());
  } else if (moves_disks() && record_.link) {
    expect_disks();
  }
  GODWIT_TRY(const MigrationPlan plan, choose());
  GODWIT_CHECK_OK(check_both_sides(plan));  // once more: seconds have passed
  GODWIT_CHECK_OK(migrate(plan));
  keep();
  return record_;
}

std::string Journey::memory_technique() const {
  return std::string(split_storage(wishes_.technique).memory);
}
bool Journey::chooses_itself() const {
  return memory_technique() == "auto";
}
bool Journey::moves_disks() const {
  return split_storage(wishes_.technique).storage;
}

/// What can be refused before seconds are spent on observing.
Result<void> Journey::look_before() {
  if (wishes_.law != "none") {
    return fail(ErrorCode::kBadInput, fmt::format("unknown control law '{}'", wishes_.law),
                "choose none: QEMU as it is");
  }
  GODWIT_CHECK_OK(check_wishes_without_profile());
  MigrationPlan asked;
  asked.storage = moves_disks();
  if (!chooses_itself()) {
    GODWIT_TRY(asked.technique, parse_technique(memory_technique()));
    if (uses_postcopy(asked.technique) && wishes_.intent.no_postcopy) {
      return fail(
          ErrorCode::kBadInput,
          fmt::format("the technique {} uses post-copy, which is excluded", wishes_.technique),
          {"leave ", Setting::kTechnique, " or ", Setting::kNoPostcopy, " out"});
    }
  }
  GODWIT_CHECK_OK(check_both_sides(asked));
  return look_at_history();
}

/// What only a prediction can tell cannot be promised without one.
Result<void> Journey::check_wishes_without_profile() const {
  if (wishes_.profile) return {};
  std::optional<Setting> needs;
  if (wishes_.rehearse) {
    needs = Setting::kRehearse;
  } else if (chooses_itself()) {
    if (wishes_.intent.prefer != Intent::Prefer::kDowntime) needs = Setting::kPrefer;
    if (wishes_.intent.max_bytes) needs = Setting::kMaxBytes;
    if (wishes_.intent.max_slowdown) needs = Setting::kMaxSlowdown;
  }
  if (!needs) return {};
  return fail(ErrorCode::kBadInput,
              "nothing is predicted without a profile, and what is asked for needs a prediction",
              {"leave ", *needs, " or ", Setting::kNoProfile, " out"});
}

/// What is known of the pair of hosts: what its link carries, and what it adds to a migration.
Result<void> Journey::look_at_history() {
  std::vector<OutcomeRecord> history;
  if (store_) {
    GODWIT_TRY(history, store_->newest(kHistory));
  }
  learnt_ = usual_model();
  question_.learnt = learnt_.get();
  question_.pair = learnt_pair(history, parties_.destination_name, parties_.stream,
                               usual_pair(question_.learnt));
  if (wishes_.link || !wishes_.profile) {
    record_.link = wishes_.link;
    return {};
  }
  GODWIT_TRY(const auto parameters, parties_.source.hypervisor->parameters());
  const LinkEstimate estimate = estimate_link(history, parties_.stream, parameters.max_bandwidth);
  context_.out.say(fmt::format("link: {} ({})", human(estimate.link.rate), estimate.origin));
  record_.link = estimate.link;
  return {};
}

Result<void> Journey::check_both_sides(const MigrationPlan& plan) {
  Hypervisor& destination = *parties_.destination.hypervisor;
  GODWIT_TRY(control::PreflightFacts facts,
             control::gather_facts(*parties_.source.hypervisor, destination));
  facts.listen = parties_.listen;
  facts.memory_free_at_destination = memory_for(facts.destination.pid);
  facts.same_file = same_files(facts.source, facts.destination);
  // What can be refused at once is, before media are read and the destination is tried.
  GODWIT_CHECK_OK(control::preflight(facts, plan));
  facts.same_content = contents_.compare(facts.source, facts.destination, context_.stop);
  GODWIT_CHECK_OK(control::preflight(facts, plan));
  if (may_postcopy(plan)) GODWIT_CHECK_OK(control::ask_for_postcopy(destination, facts));
  GODWIT_TRY(const control::Warnings warnings, control::preflight(facts, plan));
  for (const std::string& warning : warnings) {
    if (warned_.insert(warning).second) log::warning("{}", warning);
  }
  no_postcopy_ = facts.no_postcopy;
  if (no_postcopy_ && warned_.insert(*no_postcopy_).second) {
    log::warning("{}", without_postcopy(*no_postcopy_));
  }
  look_at_disks(facts);
  question_.possible = control::common_abilities(facts);
  question_.intent = wishes_.intent;
  const bool both_can_postcopy =
      question_.possible->contains(Capability::kPostcopyRam) && parties_.can_postcopy;
  question_.intent.no_postcopy = wishes_.intent.no_postcopy || !both_can_postcopy;
  return {};
}

/// Before the plan is made "auto" may come to it.
bool Journey::may_postcopy(const MigrationPlan& plan) const {
  if (wishes_.intent.no_postcopy || !parties_.can_postcopy) return false;
  return uses_postcopy(plan.technique) || (chooses_itself() && !record_.predicted);
}

void Journey::look_at_disks(const control::PreflightFacts& facts) {
  moved_disks_.clear();
  if (!moves_disks()) return;
  const std::vector<std::string> devices = control::disks_to_move(facts);
  std::copy_if(facts.source.disks.begin(), facts.source.disks.end(),
               std::back_inserter(moved_disks_), [&devices](const Disk& disk) {
                 return std::find(devices.begin(), devices.end(), disk.device) != devices.end();
               });
}

Result<void> Journey::predict() {
  context_.out.say(
      fmt::format("observing {} for {}", parties_.source_name, human(wishes_.observe)));
  GODWIT_TRY(record_.profile,
             observe_vm(parties_.source, parties_.source_name, wishes_.observe, context_));
  if (wishes_.rehearse) GODWIT_CHECK_OK(rehearse());
  context_.out.say(profile_text(*record_.profile));
  question_.draws = twin::kManyDraws;
  question_.profile = *record_.profile;
  question_.link = *record_.link;
  question_.parameters = wishes_.parameters;
  if (moves_disks()) expect_disks();
  GODWIT_TRY(advised_, predict_all(question_));
  record_.predicted = advised_.prediction;
  context_.out.say(fmt::format("\npredicted over {}", human(record_.link->rate)));
  context_.out.say(prediction_text(advised_.prediction));
  return {};
}

/// What disks take is no longer there for memory.
void Journey::expect_disks() {
  mirror_time_ = advise::mirror_time(moved_disks_, *record_.link);
  if (mirror_time_ && question_.intent.max_time) {
    question_.intent.max_time = std::max(*question_.intent.max_time - *mirror_time_, Seconds(1e-3));
  }
}

Result<advise::Advised> Journey::predict_all(advise::Question question) const {
  GODWIT_TRY(advise::Advised advised, advise::predict_all(std::move(question)));
  if (moves_disks()) advise::add_storage(advised, mirror_time_);
  return advised;
}

Result<void> Journey::rehearse() {
  const auto rehearsal = rehearse_vm(parties_.source, parties_.source_name, context_);
  if (rehearsal) {
    control::put_into(*record_.profile, *rehearsal);
    return {};
  }
  if (rehearsal.error().code == ErrorCode::kInterrupted) return fail(rehearsal.error());
  log::warning("profiled without a rehearsal: {}", rehearsal.error().message);
  return {};
}

/// What the technique costs with the parameters that serve the intent best, whether or not they
/// meet it; nothing for a technique that has no model yet.
Result<std::optional<TechniquePrediction>> Journey::expect(Technique technique) const {
  const TechniquePrediction* usual = find(advised_.prediction, technique);
  if (usual == nullptr) return std::optional<TechniquePrediction>();
  if (!wishes_.intent.max_downtime) return std::optional(*usual);
  advise::Question only = question_;
  only.techniques = {technique};
  GODWIT_TRY(advise::Advised advised, predict_all(std::move(only)));
  return advised.plan ? std::move(advised.plan) : std::optional(*usual);
}

/// Why nothing is good enough, with what was left out for a reason that may be mended.
Error Journey::refusal(Error error) const {
  if (no_postcopy_) error.what_to_do += fmt::format("; {}", without_postcopy(*no_postcopy_));
  return error;
}

/// An explicit technique always runs; only "auto" refuses an intent that cannot be met.
Result<MigrationPlan> Journey::choose() {
  MigrationPlan plan;
  plan.parameters = wishes_.parameters;
  plan.law = wishes_.law;
  plan.storage = moves_disks();
  for (const Disk& disk : moved_disks_) plan.moved_disks.push_back(disk.device);
  plan.max_time = wishes_.intent.max_time.value_or(
      kDefaultMaxTime + mirror_time_.value_or(Seconds(0)) * kPatienceForDisks);
  GODWIT_CHECK_OK(choose_technique(plan));
  if (wishes_.link) {
    plan.parameters.max_bandwidth = wishes_.link->rate;
  } else {
    plan.parameters.max_bandwidth.reset();  // an estimate is no order
  }
  return plan;
}

Result<void> Journey::choose_technique(MigrationPlan& plan) {
  if (!chooses_itself()) {
    GODWIT_TRY(plan.technique, parse_technique(memory_technique()));
  }
  if (!wishes_.profile) {
    // Nobody knows how the guest writes: QEMU's limit is all that can be set by the intent.
    if (wishes_.intent.max_downtime) plan.parameters.downtime_limit = wishes_.intent.max_downtime;
    return {};
  }
  if (chooses_itself()) {
    if (advised_.refusal) return fail(refusal(*advised_.refusal));
    plan.technique = advised_.prediction.advice->technique;
    expected_ = advised_.plan;
  } else {
    GODWIT_TRY(expected_, expect(plan.technique));
  }
  if (!expected_) return {};
  plan.parameters = expected_->parameters;
  // The record's row for this technique is the promise that the outcome is held against.
  for (TechniquePrediction& row : record_.predicted->predictions) {
    if (row.technique == plan.technique) row = *expected_;
  }
  return {};
}

Result<void> Journey::migrate(const MigrationPlan& plan) {
  control::Parties parties{*parties_.source.hypervisor, *parties_.destination.hypervisor};
  parties.listen = parties_.listen;
  parties.stream = parties_.stream;
  parties.probe = parties_.probe.get();
  parties.check = parties_.check.get();
  parties.wire = parties_.wire.get();
  parties.source_name = parties_.source_name;
  parties.destination_name = parties_.destination_name;
  parties.source_pid = parties_.source.description.pid;
  parties.source_started = parties_.source.description.process_started;
  parties.destination_pid = parties_.destination.description.pid;
  parties.destination_started = parties_.destination.description.process_started;
  parties.source_identity = parties_.source.description.identity;
  parties.destination_identity = parties_.destination.description.identity;
  GODWIT_TRY(const auto journal_path, store::default_journal_path(std::getenv));
  store::FileJournal journal(journal_path);
  parties.journal = &journal;

  control::RunOptions options;
  options.requested = {wishes_.technique, wishes_.law};
  if (expected_ && expected_->total_time) options.predicted_total = expected_->total_time->p50;
  ProgressBar bar(context_.clock, context_.out.bar_stream());
  options.on_progress = [this, &bar](const control::Progress& p) {
    if (wishes_.on_progress) wishes_.on_progress(p);
    bar.draw(share_done(p), p.eta, fmt::format("round {}", p.round), progress_note(p));
  };
  context_.out.say(fmt::format("\nmigrating by {} to {} (Ctrl-C cancels{}, the VM stays)",
                               full_name(plan.technique, plan.storage), parties_.destination_name,
                               uses_postcopy(plan.technique) ? " until post-copy begins" : ""));
  GODWIT_TRY(record_.outcome,
             control::run_migration(context_.clock, parties, plan, options, context_.stop));
  bar.clear();
  context_.out.say(outcome_text(record_.outcome));
  const std::string comparison =
      record_.predicted ? comparison_text(*record_.predicted, record_.outcome) : "";
  if (!comparison.empty() && record_.outcome.status == OutcomeStatus::kCompleted) {
    context_.out.say("\npredicted against actual\n" + comparison);
  }
  return {};
}

void Journey::keep() {
  if (!store_) return;
  const auto id = store_->append(record_);
  if (id) {
    record_.id = *id;
  } else {
    log::warning("the outcome could not be kept: {}", id.error().message);
  }
}

Json journey_json(const OutcomeRecord& record) {
  Json object{{"outcome", to_json(record.outcome)}};
  if (record.predicted) object["predicted"] = to_json(*record.predicted);
  if (record.profile) object["profile"] = to_json(*record.profile);
  if (record.link) object["link_bytes_per_s"] = record.link->rate.value();
  if (record.id != 0) object["id"] = record.id;  // where it was kept
  return object;
}

int print_journey(const Result<OutcomeRecord>& done, const OutcomeRecord& so_far,
                  Context& context) {
  if (done) {
    context.out.result(journey_json(*done));
    return exit_status(done->outcome);
  }
  // An Error means that nothing was started: the VM is where it was, if there is one yet.
  Json partial = Json::object();
  if (!so_far.source.empty()) partial["vm_runs_on"] = to_string(VmRunsOn::kSource);
  if (so_far.predicted) partial["predicted"] = to_json(*so_far.predicted);
  return context.out.error(done.error(), partial);
}

int exit_status(const MigrationOutcome& outcome) {
  return outcome.status == OutcomeStatus::kCompleted ? kDone : kFailed;
}

}  // namespace godwit::cli
