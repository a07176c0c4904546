#include "godwit/advise/advise.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

#include "godwit/agility/agility.h"
#include "godwit/base/quantity.h"
#include "godwit/learn/reference_twin.h"
#include "godwit/twin/predictor.h"
#include "godwit/twin/qemu.h"
#include "storage.h"

namespace godwit::advise {
namespace {

// Downtime limits that are tried, ascending: what operators set (20 ms ... 2 s; QEMU's own 300 ms).
constexpr std::array kDowntimeLimits{Seconds(0.02), Seconds(0.05), Seconds(0.1), Seconds(0.2),
                                     Seconds(0.3),  Seconds(0.5),  Seconds(1.0), Seconds(2.0)};
// How long a migration may take to be named as the nearest possible one.
constexpr Seconds kPatience(3600);
// A bound that comes from so few draws as an interval does is itself not known better.
constexpr double kMargin = 1.05;

/// Disks, where they move along and tell what they hold.
std::optional<agility::DiskModel> disks_of(const Question& question) {
  if (!question.storage) return std::nullopt;
  return agility::DiskModel::make(question.profile, question.link);
}

/// Shares of the disks that may be chosen: one where it is given, or all must go first.
std::optional<Ratio> only_share(const Question& question) {
  if (question.parameters.precopy_storage) return question.parameters.precopy_storage;
  const bool free = question.may_leave_disks && !question.intent.no_postcopy;
  return free ? std::nullopt : std::optional(Ratio(1));
}

/// What of a time limit is there for memory, where the disks take as little before as they may.
Seconds less_the_disks(const Question& question, Seconds max_time) {
  const auto disks = disks_of(question);
  if (!disks || !question.intent.max_time) return max_time;
  const double share = only_share(question).value_or(Ratio(0)).value();
  return std::max(max_time - Seconds(disks->ready(share)), Seconds(1e-3));
}

/// Who answers: the twin, and where outcomes taught better, what they taught; and for disks their
/// model.
class Answers {
 public:
  static Result<Answers> make(const Question& question, Seconds max_time) {
    twin::Options options;
    options.pair = question.pair;
    options.draws = question.draws;
    options.max_time = less_the_disks(question, max_time);
    GODWIT_TRY(twin::Predictor twin,
               twin::Predictor::make(question.profile, question.link, options));
    Answers answers(question, std::move(twin));
    if (question.learnt != nullptr) {
      GODWIT_TRY(answers.reference_,
                 learn::reference_twin(question.profile, question.link, question.learnt->pair()));
    }
    return answers;
  }
  /// Of memory alone.
  [[nodiscard]] Result<TechniquePrediction> predict(Technique technique,
                                                    const MigrationParameters& parameters) const {
    GODWIT_TRY(TechniquePrediction said, twin_.predict(technique, parameters));
    if (!reference_) return said;
    GODWIT_TRY(const TechniquePrediction reference, reference_->predict(technique, parameters));
    return question_.learnt->correct(question_.profile, question_.link, reference, std::move(said));
  }
  /// All of it, with that share of the disks.
  [[nodiscard]] TechniquePrediction with_disks(TechniquePrediction memory, Ratio share) const {
    if (disks_) {
      agility::put_disks(memory, *disks_, share);
    } else if (!question_.storage) {
      agility::put_agility(memory);
    }
    return memory;
  }
  /// The share that nobody is asked for.
  [[nodiscard]] Ratio usual_share() const { return only_share(question_).value_or(Ratio(1)); }
  [[nodiscard]] bool may_choose_storage() const { return disks_ && !only_share(question_); }
  [[nodiscard]] const agility::DiskModel* disks() const { return disks_ ? &*disks_ : nullptr; }

 private:
  Answers(const Question& question, twin::Predictor twin)
      : question_(question), twin_(std::move(twin)), disks_(disks_of(question)) {}

  const Question& question_;
  twin::Predictor twin_;
  std::optional<agility::DiskModel> disks_;
  std::optional<twin::Predictor> reference_;  ///< that corrections are of, if there are any
};

struct Candidate {
  TechniquePrediction prediction;
  bool sure = true;  ///< converges in time with the confidence that was asked for
};

Seconds outage(const TechniquePrediction& p) {
  return p.downtime.probe->p95;
}

/// One limit of an intent: what a candidate needs of it.
struct Need {
  std::string_view limit;
  double value = 0;
  std::optional<double> allowed;
};

/// Of memory where nobody gave a limit; with it, the disks have theirs besides.
Seconds time_limit(const Intent& intent) {
  return intent.max_time.value_or(twin::Options{}.max_time);
}
Seconds time_allowed(const TechniquePrediction& p, const Intent& intent) {
  const bool besides = !intent.max_time && p.storage;
  return time_limit(intent) + (besides ? p.storage->ready_after.p50 : Seconds(0));
}

/// Of memory, and of disks where they move along.
Bytes sent(const TechniquePrediction& p) {
  return p.transferred->p50 + (p.storage ? p.storage->copied.p50 : Bytes());
}

std::array<Need, 4> needs(const TechniquePrediction& p, const Intent& intent) {
  const auto seconds = [](const std::optional<Seconds>& s) {
    return s ? std::optional<double>(s->count()) : std::nullopt;
  };
  return {
      Need{"downtime", outage(p).count(), seconds(intent.max_downtime)},
      Need{"total time", p.total_time->p50.count(), time_allowed(p, intent).count()},
      Need{"bytes", sent(p).as_double(),
           intent.max_bytes ? std::optional<double>(intent.max_bytes->as_double()) : std::nullopt},
      Need{"slowdown", p.slowdown ? p.slowdown->p50.value() : 0,
           intent.max_slowdown ? std::optional<double>(intent.max_slowdown->value())
                               : std::nullopt}};
}

/// 0 when all limits are kept; else how far they must be relaxed, as the sum of logarithms.
double excess(const TechniquePrediction& p, const Intent& intent) {
  double sum = 0;
  for (const Need& need : needs(p, intent)) {
    if (!need.allowed || need.value <= *need.allowed) continue;
    sum += std::log(need.value / std::max(*need.allowed, 1e-9));
  }
  return sum;
}

/// Time in which the guest does not run: the outage, or, throttled, all that it loses.
double stopped_seconds(const TechniquePrediction& p) {
  const double lost = p.slowdown ? p.slowdown->p50.value() * p.total_time->p50.count() : 0;
  return std::max(p.downtime.probe->p50.count(), lost);
}

/// The same, and in which it waits for pages, or for its disks.
double disturbed_seconds(const TechniquePrediction& p) {
  const bool remote = uses_postcopy(p.technique) && !p.rounds.empty() &&
                      p.rounds.back().duration > p.downtime.qemu->p50;
  const double waits = remote ? p.rounds.back().duration.count() : 0;
  return stopped_seconds(p) + (p.storage ? p.storage->independent_after.p50.count() : waits);
}

double cost(const TechniquePrediction& p, Intent::Prefer prefer) {
  switch (prefer) {
    case Intent::Prefer::kTime:
      return (p.storage ? p.storage->done_after : *p.total_time).p50.count();
    case Intent::Prefer::kBytes:
      return sent(p).as_double();
    case Intent::Prefer::kGuest:
      return disturbed_seconds(p);
    case Intent::Prefer::kAgility:
      return p.agility ? 1 / p.agility->p50.value() : twin::Options{}.max_time.count();
    case Intent::Prefer::kDowntime:
      break;
  }
  return stopped_seconds(p);
}

/// By what can go wrong: that both hosts are needed for a part of the disks, how the guest is
/// disturbed, then how its memory is sent. Among equals the lower is taken.
std::tuple<bool, int, int> risk(const TechniquePrediction& p) {
  const Technique technique = p.technique;
  constexpr std::array kEndings{Ending::kConverged, Ending::kPostcopyAfterShare,
                                Ending::kPostcopyAtOnce, Ending::kFirstEstimate};
  constexpr std::array kCodecs{Codec::kNone, Codec::kZstd, Codec::kZlib, Codec::kXbzrle,
                               Codec::kCompress};
  constexpr int kThrottled = 5;  // more than post-copy at once, less than a guest that stands still
  const auto rank = [](const auto& order, auto value) {
    return static_cast<int>(std::find(order.begin(), order.end(), value) - order.begin());
  };
  const bool throttled = technique.throttle != Throttle::kNone;
  // next to nothing beforehand is post-copy at once, by another name
  constexpr Ratio kNextToNothing(0.05);
  const bool at_once = technique.ending == Ending::kPostcopyAfterShare &&
                       p.parameters.precopy_share.value_or(Ratio(1)) < kNextToNothing;
  const int ending = at_once ? 2 * rank(kEndings, Ending::kPostcopyAtOnce) + 1
                             : 2 * rank(kEndings, technique.ending);
  return {leaves_disks_behind(p.parameters), ending + (throttled ? kThrottled : 0),
          2 * rank(kCodecs, technique.codec) + (technique.streams == Streams::kMultifd ? 1 : 0)};
}

/// How unlikely it is that it ends in time, in steps of 5 %.
double doubt(const TechniquePrediction& p) {
  return std::round(20 * (1 - p.converges_probability.value_or(Ratio(1)).value()));
}

/// Without draws, a case that was cut at the time limit shows as an upper bound beyond it.
/// Memory's share of the time was what the disks leave at best.
bool is_sure(const TechniquePrediction& p, const Intent& intent) {
  const bool in_time = p.total_time->p95 <= time_allowed(p, intent);
  if (!p.converges_probability) return in_time;
  const bool disks_fit = !p.storage || !intent.max_time || in_time;
  return disks_fit && *p.converges_probability >= intent.confidence;
}

/// A time that was asked for is a promise, where it is known how likely it is kept.
bool meets(const TechniquePrediction& p, const Intent& intent) {
  const bool weighed = intent.max_time && p.converges_probability;
  return excess(p, intent) <= 0 && (!weighed || is_sure(p, intent));
}

/// Differences below this share are below what a prediction can tell apart.
constexpr double kSame = 0.02;

bool better(const Candidate& a, const Candidate& b, Intent::Prefer prefer) {
  if (a.sure != b.sure) return a.sure;
  const double ca = cost(a.prediction, prefer);
  const double cb = cost(b.prediction, prefer);
  if (std::abs(ca - cb) > kSame * std::max(ca, cb)) return ca < cb;
  const auto rest = [prefer](const TechniquePrediction& p) {
    const Seconds time = p.total_time->p50;
    const bool soon = prefer == Intent::Prefer::kAgility;
    return std::tuple(doubt(p), soon ? time : Seconds(0), risk(p), p.downtime.probe->p50, time);
  };
  return rest(a.prediction) < rest(b.prediction);
}

bool excluded(const TechniquePrediction& p, const Intent& intent) {
  return !p.converges || (intent.no_postcopy && uses_postcopy(p.technique));
}

Result<void> check(const Question& question) {
  for (const Technique technique : question.techniques) {
    if (twin::predicts(technique)) continue;
    return fail(ErrorCode::kUnsupported,
                fmt::format("{} cannot be predicted yet", to_string(technique)),
                {"predict another technique, or all: leave ", Setting::kTechnique, " out"});
  }
  const Intent& intent = question.intent;
  const bool times = (!intent.max_downtime || *intent.max_downtime > Seconds(0)) &&
                     (!intent.max_time || *intent.max_time > Seconds(0));
  const bool rest = (!intent.max_bytes || *intent.max_bytes > Bytes(0)) &&
                    (!intent.max_slowdown || intent.max_slowdown->value() >= 0);
  if (times && rest) return {};
  return fail(ErrorCode::kBadInput, "a limit of the intent is 0 or negative",
              "give a limit above 0, or leave it out");
}

/// Downtime limits worth trying; what the user fixed stays.
std::vector<MigrationParameters> variants(const TechniquePrediction& usual,
                                          const MigrationParameters& fixed) {
  std::vector<MigrationParameters> all;
  if (!usual.grounded || usual.technique.ending != Ending::kConverged) return all;
  for (const Seconds limit : kDowntimeLimits) {
    if (fixed.downtime_limit || limit == usual.parameters.downtime_limit) continue;
    all.push_back(fixed);
    all.back().downtime_limit = limit;
  }
  return all;
}

/// What can be predicted and done where nobody said which techniques are wanted.
std::vector<Technique> usual_techniques(const Question& question) {
  const GuestProfile& profile = question.profile;
  const bool contents_known = profile.contents || profile.zero_share.value() >= 1;
  std::vector<Technique> all;
  const auto add = [&](Technique technique) {
    if (contents_known || !twin::needs_contents(technique)) all.push_back(technique);
  };
  for (const Technique technique : kLivePresets) {
    const CapabilitySet needed = capabilities_needed(technique);
    const bool possible =
        question.possible
            ? std::includes(question.possible->begin(), question.possible->end(), needed.begin(),
                            needed.end())
            : technique.codec != Codec::kCompress;  // gone since QEMU 9.1
    if (possible) add(technique);
  }
  const auto& besides = question.besides;
  if (besides && std::find(all.begin(), all.end(), *besides) == all.end()) add(*besides);
  return all;
}

/// Shares of memory and of disks that go first, and what comes of them.
struct Choice {
  const TechniquePrediction* memory = nullptr;
  Ratio storage;
  double broken = 0;   ///< 0: meets the intent; else how far it does not
  double cost = 0;     ///< by what is preferred
  double seconds = 0;  ///< until the guest runs at the destination
};

/// Limits first. Of what is as good all of the disks go first; but for agility what is there
/// soonest.
const Choice* best_of(const std::vector<Choice>& choices, Intent::Prefer prefer) {
  const auto cheaper = [](const Choice& a, const Choice& b) {
    return std::pair(a.broken, a.cost) < std::pair(b.broken, b.cost);
  };
  const Choice* best = &*std::min_element(choices.begin(), choices.end(), cheaper);
  const Choice least = *best;
  const bool soon = prefer == Intent::Prefer::kAgility;
  for (const Choice& one : choices) {
    const bool as_good = one.broken <= least.broken && one.cost <= least.cost * (1 + kSame);
    const bool better =
        soon ? one.seconds < best->seconds : one.storage.value() > best->storage.value();
    if (as_good && better) best = &one;
  }
  return best;
}

/// Shares in equal steps, or the only one that may be.
std::vector<Ratio> shares_to_try(int steps, std::optional<Ratio> only) {
  if (only) return {*only};
  std::vector<Ratio> shares;
  for (int i = 0; i <= steps; ++i) shares.emplace_back(static_cast<double>(i) / steps);
  return shares;
}

/// Memory's part with the shares of it that may be tried, where it ends: each is a prediction of
/// its own, as one is that may be promised. `usual`: with the share that nobody chose.
Result<std::vector<TechniquePrediction>> memory_by_share(const Question& question,
                                                         const Answers& answers,
                                                         const TechniquePrediction& usual) {
  constexpr int kSteps = 10;
  const bool free =
      usual.technique.ending == Ending::kPostcopyAfterShare && !question.parameters.precopy_share;
  std::vector<TechniquePrediction> all;
  if (!free && !excluded(usual, question.intent)) all.push_back(usual);
  if (!free) return all;
  for (const Ratio share : shares_to_try(kSteps, std::nullopt)) {
    MigrationParameters parameters = question.parameters;
    parameters.precopy_share = share;
    GODWIT_TRY(TechniquePrediction p, answers.predict(usual.technique, parameters));
    if (!excluded(p, question.intent)) all.push_back(std::move(p));
  }
  return all;
}

/// One technique with the shares of memory and disks, as far as they may be chosen, that serve the
/// intent best: of a grid, as there may be more than one summit. Nothing where none ends in time.
Result<std::optional<TechniquePrediction>> best_choice(const Question& question,
                                                       const Answers& answers,
                                                       const TechniquePrediction& usual) {
  constexpr int kSteps = 20;
  const Intent& intent = question.intent;
  GODWIT_TRY(const std::vector<TechniquePrediction> parts,
             memory_by_share(question, answers, usual));
  const auto only =
      answers.may_choose_storage() ? std::nullopt : std::optional(answers.usual_share());
  std::vector<Choice> choices;
  for (const TechniquePrediction& part : parts) {
    for (const Ratio share : shares_to_try(kSteps, only)) {
      const TechniquePrediction all = answers.with_disks(part, share);
      const double broken = meets(all, intent) ? 0 : 1 + excess(all, intent);
      choices.push_back(
          {&part, share, broken, cost(all, intent.prefer), all.total_time->p50.count()});
    }
  }
  if (choices.empty()) return std::optional<TechniquePrediction>();
  const Choice* best = best_of(choices, intent.prefer);
  return std::optional(answers.with_disks(*best->memory, best->storage));
}

/// What becomes of one technique with such parameters: with the shares that nobody chose, and those
/// that are best.
Result<std::vector<TechniquePrediction>> choices_of(const Question& question,
                                                    const Answers& answers,
                                                    const TechniquePrediction& memory) {
  std::vector<TechniquePrediction> all;
  const bool hybrid = memory.technique.ending == Ending::kPostcopyAfterShare;
  const bool ends = !excluded(memory, question.intent);
  if (ends) all.push_back(answers.with_disks(memory, answers.usual_share()));
  // with another share of memory it may end, too
  if (!hybrid && !(ends && answers.may_choose_storage())) return all;
  GODWIT_TRY(auto best, best_choice(question, answers, memory));
  if (best) all.push_back(std::move(*best));
  return all;
}

/// `memories`: of each technique with its default parameters, and without disks.
Result<std::vector<Candidate>> candidates_of(const Question& question, const Answers& answers,
                                             const std::vector<TechniquePrediction>& memories) {
  std::vector<Candidate> all;
  const auto add = [&](const TechniquePrediction& memory) -> Result<void> {
    GODWIT_TRY(std::vector<TechniquePrediction> choices, choices_of(question, answers, memory));
    for (TechniquePrediction& p : choices) {
      const bool sure = is_sure(p, question.intent);
      all.push_back({std::move(p), sure});
    }
    return {};
  };
  for (const TechniquePrediction& usual : memories) {
    GODWIT_CHECK_OK(add(usual));
    for (const MigrationParameters& parameters : variants(usual, question.parameters)) {
      GODWIT_TRY(const TechniquePrediction tried, answers.predict(usual.technique, parameters));
      GODWIT_CHECK_OK(add(tried));
    }
  }
  return all;
}

/// Of the disks that are not all there when the guest moves.
std::string share_text(const TechniquePrediction& p) {
  if (!leaves_disks_behind(p.parameters)) return {};
  return fmt::format(", {:.0f} % of the disks beforehand",
                     p.parameters.precopy_storage->value() * 100);
}

std::string chosen_because(const TechniquePrediction& p, Intent::Prefer prefer) {
  const auto range = [](const auto& interval) {
    return fmt::format("{} (up to {})", human(interval.p50), human(interval.p95));
  };
  const std::string outage_text =
      fmt::format("a client is expected to miss it for {}", range(*p.downtime.probe));
  const bool has_limit = p.technique.ending == Ending::kConverged;
  const std::string limit =
      (has_limit ? fmt::format(" with a downtime limit of {}", human(*p.parameters.downtime_limit))
                 : std::string()) +
      share_text(p);
  switch (prefer) {
    case Intent::Prefer::kTime:
      return fmt::format("{}{} takes the least time, {}, and {}", to_string(p.technique), limit,
                         range(*p.total_time), outage_text);
    case Intent::Prefer::kBytes:
      return fmt::format("{}{} sends the least, {}, and {}", to_string(p.technique), limit,
                         range(*p.transferred), outage_text);
    case Intent::Prefer::kGuest:
      return fmt::format("{}{} disturbs the guest least: {}", to_string(p.technique), limit,
                         outage_text);
    case Intent::Prefer::kAgility:
      if (!p.agility) break;
      return fmt::format(
          "{}{} restores the guest's work fastest: agility {:.2f} (at least {:.2f}), {}",
          to_string(p.technique), limit, p.agility->p50.value(), p.agility->p05.value(),
          outage_text);
    case Intent::Prefer::kDowntime:
      break;
  }
  return fmt::format("{}{} interrupts the guest least: {}", to_string(p.technique), limit,
                     outage_text);
}

/// Rounds up to two digits, so that the value named can be met.
double round_up(double value) {
  if (!(value > 0)) return value;
  const double unit = std::pow(10.0, std::floor(std::log10(value)) - 1);
  return std::ceil(value / unit - 1e-9) * unit;
}

Intent relaxed(const TechniquePrediction& p, Intent intent) {
  if (intent.max_downtime && outage(p) > *intent.max_downtime) {
    intent.max_downtime = Seconds(round_up(outage(p).count()));
  }
  if (p.total_time->p95 >
      time_allowed(p, intent)) {  // room for the upper bound, where it has an end
    const Seconds enough =
        p.total_time->p95 < kPatience ? p.total_time->p95 * kMargin : p.total_time->p50;
    intent.max_time = Seconds(round_up(std::max(enough, time_limit(intent)).count()));
  }
  // of those that end, 95 % do within the upper bound
  const double kept = p.converges_probability.value_or(Ratio(1)).value() * 0.95;
  if (intent.max_time && kept < intent.confidence.value()) {
    intent.confidence = Ratio(std::floor(kept * 20) / 20);
  }
  if (intent.max_bytes && p.transferred->p50 > *intent.max_bytes) {
    intent.max_bytes = Bytes(std::llround(round_up(p.transferred->p50.as_double())));
  }
  if (intent.max_slowdown && p.slowdown && p.slowdown->p50 > *intent.max_slowdown) {
    intent.max_slowdown = p.slowdown->p50;
  }
  return intent;
}

/// The limits that differ, with the values that they would need.
Remedy changes(const Intent& nearest, const Intent& wanted) {
  Remedy changes;
  const auto add = [&changes](Setting setting, std::string value) {
    changes += {changes.empty() ? "" : " ", {setting, std::move(value)}};
  };
  if (nearest.max_downtime != wanted.max_downtime) {
    add(Setting::kMaxDowntime, fmt::format("{:.0f}ms", nearest.max_downtime->count() * 1e3));
  }
  if (nearest.max_time != wanted.max_time) {
    add(Setting::kMaxTime, fmt::format("{:.4g}s", nearest.max_time->count()));
  }
  if (nearest.confidence != wanted.confidence) {
    add(Setting::kConfidence, fmt::format("{:.0f}%", nearest.confidence.value() * 100));
  }
  if (nearest.max_bytes != wanted.max_bytes) {
    add(Setting::kMaxBytes,
        fmt::format("{:.0f}MB", std::ceil(nearest.max_bytes->as_double() / 1e6)));
  }
  if (nearest.max_slowdown != wanted.max_slowdown) {
    add(Setting::kMaxSlowdown,
        fmt::format("{:.0f}%", std::ceil(nearest.max_slowdown->value() * 100)));
  }
  return changes;
}

/// The limits of the intent that a candidate breaks, in words.
std::string broken_limits(const TechniquePrediction& p, const Intent& intent) {
  std::string text;
  for (const Need& need : needs(p, intent)) {
    if (need.allowed && need.value > *need.allowed) {
      text += fmt::format("{}{}", text.empty() ? "" : " and of ", need.limit);
    }
  }
  return text;
}

/// Nothing fits: says so, and what would. `patient` are candidates that may take an hour.
void refuse(const Question& question, const std::vector<Candidate>& patient, Advised& out) {
  const std::vector<TechniquePrediction>& all = out.prediction.predictions;
  if (std::none_of(all.begin(), all.end(), [](const auto& one) { return one.grounded; })) {
    out.refusal =
        Error{ErrorCode::kUnsupported,
              fmt::format("nobody can say yet what {} costs", to_string(all.front().technique)),
              "ask for techniques that can be predicted, too"};
    return;
  }
  if (patient.empty()) {
    out.refusal = Error{
        ErrorCode::kImpossible, "the guest writes faster than pre-copy can send, however long",
        question.intent.no_postcopy
            ? Remedy{"allow post-copy (without ", Setting::kNoPostcopy,
                     "), or stop-and-copy, or a faster link"}
            : Remedy("allow postcopy, hybrid or stop-and-copy, or give a faster link")};
    return;
  }
  const auto nearest =
      std::min_element(patient.begin(), patient.end(), [&](const Candidate& a, const Candidate& b) {
        return excess(a.prediction, question.intent) < excess(b.prediction, question.intent);
      });
  const TechniquePrediction& p = nearest->prediction;
  out.nearest = relaxed(p, question.intent);
  Remedy nearest_possible("the nearest that is possible: ");
  nearest_possible += changes(*out.nearest, question.intent);
  const std::string broken = broken_limits(p, question.intent);
  const std::string missed =
      broken.empty()
          ? fmt::format("ends within {} with less than the {:.0f} % of confidence wanted",
                        human(time_limit(question.intent)),
                        question.intent.confidence.value() * 100)
          : fmt::format("breaks the limit of {}", broken);
  out.refusal = Error{ErrorCode::kImpossible,
                      fmt::format("nothing meets the intent: even {}, which comes nearest, {}",
                                  to_string(p.technique), missed),
                      std::move(nearest_possible)};
}

/// The best candidate that meets the intent, or null.
const Candidate* best_of(const std::vector<Candidate>& candidates, const Intent& intent) {
  const auto allowed = [&intent](const Candidate& candidate) {
    return meets(candidate.prediction, intent);
  };
  double least = std::numeric_limits<double>::infinity();
  for (const Candidate& candidate : candidates) {
    if (allowed(candidate)) least = std::min(least, cost(candidate.prediction, intent.prefer));
  }
  const Candidate* best = nullptr;
  for (const Candidate& candidate : candidates) {
    if (!allowed(candidate)) continue;
    // as good as the last one is not yet as good as the best
    const bool agile = intent.prefer == Intent::Prefer::kAgility;
    if (agile && cost(candidate.prediction, intent.prefer) > least * (1 + kSame)) continue;
    if (best == nullptr || better(candidate, *best, intent.prefer)) best = &candidate;
  }
  return best;
}

Result<std::vector<TechniquePrediction>> predict_each(const Question& question,
                                                      const Answers& answers) {
  std::vector<TechniquePrediction> predictions;
  for (const Technique technique : question.techniques) {
    GODWIT_TRY(TechniquePrediction p, answers.predict(technique, question.parameters));
    predictions.push_back(std::move(p));
  }
  return predictions;
}

/// Chooses among the candidates, or says why none will do.
Result<void> choose(const Question& question, const Answers& answers,
                    const std::vector<TechniquePrediction>& memories, Advised& out) {
  GODWIT_TRY(const std::vector<Candidate> candidates, candidates_of(question, answers, memories));
  if (const Candidate* best = best_of(candidates, question.intent)) {
    const TechniquePrediction& p = best->prediction;
    out.prediction.advice =
        Advice{p.technique, p.parameters, chosen_because(p, question.intent.prefer)};
    out.plan = p;
    return {};
  }
  const Seconds max_time = time_limit(question.intent);
  GODWIT_TRY(const Answers patient, Answers::make(question, std::max(max_time, kPatience)));
  GODWIT_TRY(const std::vector<TechniquePrediction> late, predict_each(question, patient));
  GODWIT_TRY(const std::vector<Candidate> patient_candidates,
             candidates_of(question, patient, late));
  refuse(question, patient_candidates, out);
  return {};
}

}  // namespace

Result<Advised> predict_all(Question question) {
  GODWIT_CHECK_OK(check(question));
  if (question.techniques.empty()) question.techniques = usual_techniques(question);
  GODWIT_TRY(const Answers answers, Answers::make(question, time_limit(question.intent)));
  Advised out;
  GODWIT_TRY(const std::vector<TechniquePrediction> memories, predict_each(question, answers));
  for (const TechniquePrediction& memory : memories) {
    out.prediction.predictions.push_back(answers.with_disks(memory, answers.usual_share()));
  }
  GODWIT_CHECK_OK(choose(question, answers, memories, out));
  if (question.storage && answers.disks() == nullptr) forget_total(out);
  return out;
}

}  // namespace godwit::advise
