#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "both_sides.h"
#include "godwit/advise/advise.h"
#include "godwit/domain/combination_rule.h"
#include "godwit/engine/engine.h"
#include "godwit/engine/history.h"
#include "godwit/engine/link_estimate.h"
#include "godwit/engine/models.h"
#include "godwit/twin/predictor.h"
#include "law_for.h"
#include "law_quota.h"

/// How a request becomes a plan.

namespace godwit::engine {
namespace {

/// What an intent without a limit of time gets.
constexpr Seconds kDefaultMaxTime{120};
/// What disks get beside it, of the time that they are expected to take.
constexpr double kPatienceForDisks = 3;
/// Enough migrations to see what a link carries and what its hosts are like.
constexpr std::int64_t kHistory = 100;

/// What is known of the pair of hosts before the guest is looked at.
struct KnownHosts {
  std::shared_ptr<const learn::LearntModel> learnt;  ///< may be null
  twin::HostPairConstants constants;
  std::optional<Link> link;  ///< absent: nobody asks for it
};

/// What is predicted of it: the disks' part is added afterwards.
Technique without_disks(Technique technique) {
  technique.storage = false;
  return technique;
}

/// What the disks need at the link's rate, to be patient by. Nothing where one doesn't tell what it
/// holds.
std::optional<Seconds> time_for_disks(const std::vector<Disk>& disks, const Link& link,
                                      const MigrationParameters& parameters) {
  Bytes held;
  for (const Disk& disk : disks) {
    if (!disk.allocated) return std::nullopt;
    held = capped_sum(held, *disk.allocated);
  }
  if (link.rate.value() <= 0) return std::nullopt;
  return held / link.rate * parameters.precopy_storage.value_or(Ratio(1)).value();
}

}  // namespace

class Engine::Planning {
 public:
  Planning(Engine& engine, OpenPair& pair, const Request& request, Observer& observer)
      : engine_(engine), pair_(pair), request_(request), observer_(observer) {}

  Result<PlannedMigration> run();

 private:
  [[nodiscard]] Technique asked_technique() const;
  Result<BothSides> look();
  Result<void> look_at_quota(BothSides& sides);
  Result<KnownHosts> recall(OutcomeStore* store);
  Result<std::optional<Link>> link_by(const std::vector<OutcomeRecord>& history);
  Result<GuestProfile> profile(PlannedMigration& planned, const BothSides& sides);
  [[nodiscard]] Intent intent_for(const BothSides& sides) const;
  [[nodiscard]] MigrationPlan plan_of(const BothSides& sides, const KnownHosts& known) const;
  [[nodiscard]] PlannedMigration draft(const BothSides& sides, const KnownHosts& known) const;
  [[nodiscard]] advise::Question question_for(const GuestProfile& profile, const BothSides& sides,
                                              const KnownHosts& known) const;
  [[nodiscard]] bool may_choose_share(const BothSides& sides) const;
  Result<void> prepare_for_law(PlannedMigration& planned, const BothSides& sides) const;
  Result<void> choose_by_prediction(PlannedMigration& planned, const BothSides& sides,
                                    const KnownHosts& known);
  [[nodiscard]] Result<std::optional<TechniquePrediction>> expect(const advise::Question& question,
                                                                  const Prediction& usual) const;

  Engine& engine_;
  OpenPair& pair_;
  const Request& request_;
  Observer& observer_;
};

/// A law may switch to post-copy where both sides can, the intent allows it, and QEMU can combine
/// it with the technique; it may also begin with limits of its own.
Result<void> Engine::Planning::prepare_for_law(PlannedMigration& planned,
                                               const BothSides& sides) const {
  MigrationPlan& plan = planned.plan;
  GODWIT_TRY(const auto law, law_for(planned));
  if (!law->engages(plan)) return {};
  if (!request_.observe_only) law->shape(plan);
  Technique switched = plan.technique;
  switched.ending = Ending::kPostcopyAfterShare;
  const bool combines = check_combination(switched, sides.source).has_value() &&
                        check_combination(switched, sides.destination).has_value();
  plan.may_end_by_postcopy =
      plan.technique.ending == Ending::kConverged && combines && !plan.intent.no_postcopy;
  return {};
}

Result<PlannedMigration> Engine::plan(OpenPair& pair, const Request& request, Observer& observer) {
  return Planning(*this, pair, request, observer).run();
}

Result<PlannedMigration> Engine::Planning::run() {
  GODWIT_CHECK_OK(check(request_));
  if (leaves_disks_behind(request_.parameters) && pair_.manager != nullptr) {
    return fail(ErrorCode::kUnsupported, "libvirt mirrors disks whole, before the guest moves",
                {"leave ", Setting::kPrecopyStorage, " out"});
  }
  if (request_.tls && pair_.manager == nullptr) {
    return fail(ErrorCode::kUnsupported,
                "what QEMUs of one's own encrypt is set on them, not asked for",
                {"set tls-creds on both sides (docs/tls.md), and leave ", Setting::kTls, " out"});
  }
  // First of all, so that a store that cannot be written is known before anything happens.
  std::unique_ptr<OutcomeStore> store;
  if (request_.keep) {
    GODWIT_TRY(store, open_store(engine_.places_, request_.store));
  }
  // Whether the VM's memory can be read at all is known before anything is asked of it.
  if (request_.profile) GODWIT_CHECK_OK(engine_.memory_of(pair_.source));
  GODWIT_TRY(BothSides sides, look());
  GODWIT_CHECK_OK(look_at_quota(sides));
  if (request_.relay) {
    GODWIT_CHECK_OK(engine_.opener_->relay_to(pair_.stream, pair_.source.description));
  }
  GODWIT_TRY(const KnownHosts known, recall(store.get()));
  PlannedMigration planned = draft(sides, known);
  if (request_.profile) {
    GODWIT_CHECK_OK(choose_by_prediction(planned, sides, known));
  } else if (request_.intent.max_downtime) {
    // Nobody knows how the guest writes: QEMU's limit is all that can be set by the intent.
    planned.plan.parameters.downtime_limit = request_.intent.max_downtime;
  }
  if (leaves_disks_behind(planned.plan.parameters)) {
    observer_.warning(
        "a part of the disks follows the guest: from the switchover until it has come, losing "
        "either host, or the link for long, loses the VM");
  }
  planned.plan.parameters.max_bandwidth.reset();  // an estimate is no order
  if (request_.link) planned.plan.parameters.max_bandwidth = request_.link->rate;
  GODWIT_CHECK_OK(prepare_for_law(planned, sides));
  return planned;
}

/// Where nobody names one, plain pre-copy stands for it.
Technique Engine::Planning::asked_technique() const {
  Technique technique = request_.technique.value_or(Technique::kPrecopy);
  technique.storage = moves_disks(request_);
  return technique;
}

/// What can be refused before seconds are spent on observing.
Result<BothSides> Engine::Planning::look() {
  MigrationPlan asked;
  asked.technique = asked_technique();
  asked.intent = request_.intent;
  asked.parameters = request_.parameters;
  GODWIT_TRY(const bool steered, steer::may_order(law_of(request_), asked, request_.profile));
  const bool may_come_to_postcopy =
      !request_.technique || uses_postcopy(*request_.technique) || steered;
  const bool postcopy = may_come_to_postcopy && !request_.intent.no_postcopy && pair_.can_postcopy;
  GODWIT_TRY(
      BothSides sides,
      look_at_both(pair_, asked, {postcopy, engine_.contents_.get(), engine_.stop_}, observer_));
  for (const std::string& one : sides.warnings) observer_.warning(one);
  return sides;
}

/// Can vCPUs be slowed down, where the law does so? Known before seconds are spent on observing. Of
/// a law that nobody named nobody expects it.
Result<void> Engine::Planning::look_at_quota(BothSides& sides) {
  GODWIT_TRY(const LawQuota quota,
             quota_for_law(law_of(request_), *engine_.opener_, pair_.source.description));
  if (quota.why_not.empty() || !request_.law) return {};
  sides.warnings.push_back(quota.why_not);
  observer_.warning(quota.why_not);
  return {};
}

Result<KnownHosts> Engine::Planning::recall(OutcomeStore* store) {
  std::vector<OutcomeRecord> history;
  if (store != nullptr) {
    HistoryQuery query;
    query.destination = pair_.destination_name;
    query.limit = kHistory;
    GODWIT_TRY(history, store->find(query));
  }
  KnownHosts known;
  known.learnt = usual_model(engine_.places_);
  known.constants = learnt_pair(history, usual_pair(known.learnt.get()));
  GODWIT_TRY(known.link, link_by(history));
  return known;
}

/// The user's; else, where something is predicted over it, an estimate, with the round trip
/// measured.
Result<std::optional<Link>> Engine::Planning::link_by(const std::vector<OutcomeRecord>& history) {
  if (!request_.profile) return request_.link;
  std::optional<Link> link = request_.link;
  if (!link) {
    GODWIT_TRY(const auto parameters, pair_.source.hypervisor->parameters());
    const LinkEstimate estimate = estimate_link(history, pair_.stream, parameters.max_bandwidth);
    observer_.link_estimated(estimate);
    link = estimate.link;
  }
  if (!link->round_trip) {
    link->round_trip = engine_.opener_->round_trip_to(pair_.stream, pair_.source.description);
  }
  return link;
}

Result<GuestProfile> Engine::Planning::profile(PlannedMigration& planned, const BothSides& sides) {
  ObserveRequest look{pair_.source_name, request_.observe};
  look.disks = sides.moved_disks;
  look.count_dirtied = !request_.intent.max_slowdown;
  GODWIT_TRY(GuestProfile profile, engine_.observe(pair_.source, look, observer_));
  GODWIT_TRY(planned.rehearsed,
             engine_.rehearse_where_due(profile, pair_.source, pair_.source_name, request_.rehearse,
                                        request_.intent, observer_));
  if (planned.rehearsed->failed) {
    observer_.warning("profiled without a rehearsal: " + planned.rehearsed->failed->message);
  }
  observer_.profiled(profile);
  return profile;
}

Intent Engine::Planning::intent_for(const BothSides& sides) const {
  Intent intent = request_.intent;
  const bool both_can = sides.abilities.contains(Capability::kPostcopyRam) && pair_.can_postcopy;
  intent.no_postcopy = intent.no_postcopy || !both_can;
  return intent;
}

/// Of a technique that somebody named, all of the disks go first unless he names a share, too.
bool Engine::Planning::may_choose_share(const BothSides& sides) const {
  if (request_.technique || !request_.storage) return false;
  std::optional<std::string> why_not = sides.no_share;
  if (const auto copier = engine_.opener_->disk_copier_of(pair_.source.description); !copier) {
    why_not = copier.error().message;
  }
  if (why_not) {
    observer_.warning("all of the disks go before the guest moves, as none can be left: " +
                      *why_not);
  }
  return !why_not;
}

/// As far as the request alone decides it.
MigrationPlan Engine::Planning::plan_of(const BothSides& sides, const KnownHosts& known) const {
  const auto for_disks = known.link && moves_disks(request_)
                             ? time_for_disks(sides.moved_disks, *known.link, request_.parameters)
                             : std::nullopt;
  MigrationPlan plan;
  plan.technique = asked_technique();
  plan.parameters = request_.parameters;
  plan.intent = intent_for(sides);
  plan.moved_disks = sides.moves;
  plan.tls = request_.tls;
  plan.max_time = request_.intent.max_time.value_or(
      kDefaultMaxTime + for_disks.value_or(Seconds(0)) * kPatienceForDisks);
  return plan;
}

advise::Question Engine::Planning::question_for(const GuestProfile& profile, const BothSides& sides,
                                                const KnownHosts& known) const {
  advise::Question question;
  question.profile = profile;
  question.link = *known.link;
  question.intent = intent_for(sides);
  question.storage = moves_disks(request_);
  question.may_leave_disks = may_choose_share(sides);
  question.possible = sides.abilities;
  if (request_.technique) question.besides = without_disks(*request_.technique);
  question.parameters = request_.parameters;
  question.pair = known.constants;
  question.learnt = known.learnt.get();
  question.draws = twin::kManyDraws;
  return question;
}

PlannedMigration Engine::Planning::draft(const BothSides& sides, const KnownHosts& known) const {
  PlannedMigration planned;
  planned.plan = plan_of(sides, known);
  planned.hosts = known.constants;
  planned.before.source = pair_.source_name;
  planned.before.destination = pair_.destination_name;
  planned.before.link = known.link;
  planned.warnings = sides.warnings;
  planned.requested = {technique_name(request_), law_of(request_), request_.intent,
                       request_.observe_only};
  planned.relay = request_.relay;
  planned.keep = request_.keep;
  planned.store = request_.store;
  planned.mend_for = request_.mend_for;
  return planned;
}

/// An explicit technique always runs; only "auto" refuses an intent that cannot be met.
Result<void> Engine::Planning::choose_by_prediction(PlannedMigration& planned,
                                                    const BothSides& sides,
                                                    const KnownHosts& known) {
  GODWIT_TRY(planned.before.profile, profile(planned, sides));
  const advise::Question question = question_for(*planned.before.profile, sides, known);
  GODWIT_TRY(advise::Advised advised, advise::predict_all(question));
  observer_.predicted(advised.prediction, *known.link);
  if (request_.technique) {
    GODWIT_TRY(planned.expected, expect(question, advised.prediction));
  } else if (advised.refusal) {
    Error refusal = std::move(*advised.refusal);
    // what was left out for a reason that may be mended
    if (sides.no_postcopy) refusal.what_to_do += "; " + without_postcopy(*sides.no_postcopy);
    return fail(std::move(refusal));
  } else {
    planned.plan.technique = advised.prediction.advice->technique;
    planned.plan.is_promised = true;
    planned.expected = std::move(advised.plan);
  }
  planned.before.predicted = std::move(advised.prediction);
  if (!planned.expected) return {};
  planned.plan.parameters = planned.expected->parameters;
  for (TechniquePrediction& row : planned.before.predicted->predictions) {
    if (row.technique == planned.plan.technique) row = *planned.expected;
  }
  return {};
}

/// What the technique that was asked for costs with the parameters that serve the intent best,
/// whether or not they meet it; nothing for one that has no model yet. `usual`: with its defaults.
Result<std::optional<TechniquePrediction>> Engine::Planning::expect(
    const advise::Question& question, const Prediction& usual) const {
  const TechniquePrediction* known = find(usual, *request_.technique);
  if (known == nullptr) return std::optional<TechniquePrediction>();
  if (!request_.intent.max_downtime) return std::optional(*known);
  advise::Question only = question;
  only.techniques = {without_disks(*request_.technique)};
  GODWIT_TRY(advise::Advised advised, advise::predict_all(std::move(only)));
  return advised.plan ? std::move(advised.plan) : std::optional(*known);
}

}  // namespace godwit::engine
