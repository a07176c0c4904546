#pragma once

#include <optional>
#include <vector>

#include "godwit/base/error.h"
#include "godwit/domain/guest_profile.h"
#include "godwit/domain/hypervisor.h"
#include "godwit/domain/link.h"
#include "godwit/domain/migration_plan.h"
#include "godwit/domain/prediction.h"
#include "godwit/domain/technique.h"
#include "godwit/learn/learnt_model.h"
#include "godwit/twin/host_pair.h"

namespace godwit::advise {

/// A person's answer in full: what each technique would cost, and what to do, or why nothing can.
struct Advised {
  Prediction prediction;  ///< with `.advice` where something meets the intent
  /// What is expected of the advised technique with the advised parameters, which may differ from
  /// the defaults that `prediction` shows.
  std::optional<TechniquePrediction> plan;
  /// Set where nothing meets the intent: kImpossible; `what_to_do` names the nearest possible
  /// values.
  std::optional<Error> refusal;
  /// The intent with the limits that had to give way raised to what is possible; absent where no
  /// technique that was asked for ends at all.
  std::optional<Intent> nearest;
};

struct Question {
  GuestProfile profile;
  Link link;
  Intent intent;
  /// Techniques to predict and to choose from; empty = all that can be predicted and done.
  std::vector<Technique> techniques;
  std::optional<Technique> besides;  ///< predicted where `techniques` is empty, if it can be
  /// What both sides can do; absent where nobody asked them: then all that today's QEMU can.
  std::optional<CapabilitySet> possible;
  /// Fixed by the user; a downtime limit that is given is kept, not searched for.
  MigrationParameters parameters;
  bool storage = false;  ///< the profile's disks move along; techniques are named without
  /// A part of them may follow the guest. Else, and where post-copy is excluded, all go first.
  bool may_leave_disks = true;
  twin::HostPairConstants pair;
  int draws = 0;  ///< see twin::Options
  /// Corrects the twin where it was measured better; may be null, and outlives the question.
  const learn::LearntModel* learnt = nullptr;
};

/// Predicts each technique with its default parameters, then chooses by the intent.
///
/// A candidate meets the intent when it converges and
/// - `max_downtime`: the outage that a client sees (kind `probe`) stays below it, by its p95;
/// - `max_time`, where it is given: it converges in time with `confidence`;
/// - `max_time` (by default 120 s), `max_bytes`, `max_slowdown`: by the p50;
/// - `no_postcopy`: the guest is never split over two hosts.
/// A technique that ends by pre-copy's switchover stands for one candidate per downtime limit of a
/// small grid: QEMU spends the limit that it is given, so the smallest one that still converges
/// costs nothing. Hybrid stands for the share of memory that serves the intent best, and whatever
/// takes disks along for the share of them (agility/agility.h). Candidates that
/// converge in time with less than `confidence` come after all others. Among the rest:
/// `prefer`; where that tells none apart, the one that is likelier to end in time, the simpler
/// technique; then outage, then time. For `prefer downtime`: the outage, or all the time that the
/// guest loses where that is more, as it is when it is throttled. For `prefer guest`: also that in
/// which it waits for pages (post-copy's remote phase), or in which its disks' rest comes. For
/// `prefer agility`: restoration agility; of what is as good, where the guest runs at the
/// destination sooner. With disks `max_time` is the time until memory is across, and where nobody
/// gives it, memory has 120 s of its own.
///
/// Errors: kUnsupported (a technique that cannot be predicted, naming those that can), kBadInput
/// (profile, link, intent or parameters that cannot be meant). An intent that cannot be met is no
/// error: see `Advised::refusal`.
Result<Advised> predict_all(Question question);

}  // namespace godwit::advise
