#include "godwit/advise/advise.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

#include "godwit/base/quantity.h"
#include "godwit/learn/reference_twin.h"
#include "godwit/twin/predictor.h"
#include "godwit/twin/qemu.h"

namespace godwit::advise {
namespace {

// Downtime limits that are tried, ascending: what operators set (20 ms ... 2 s; QEMU's own 300 ms).
constexpr std::array kDowntimeLimits{Seconds(0.02), Seconds(0.05), Seconds(0.1), Seconds(0.2),
                                     Seconds(0.3),  Seconds(0.5),  Seconds(1.0), Seconds(2.0)};
// How long a migration may take to be named as the nearest possible one.
constexpr Seconds kPatience(3600);
// A bound that comes from so few draws as an interval does is itself not known better.
constexpr double kMargin = 1.05;
// Shares of memory that hybrid copy may send first: Zhang's M.
constexpr std::array kPrecopyShares{Ratio(0.25), Ratio(0.5), Ratio(0.75)};

/// Who answers: the twin, and where outcomes taught better, what they taught.
class Answers {
 public:
  static Result<Answers> make(const Question& question, Seconds max_time) {
    twin::Options options;
    options.pair = question.pair;
    options.draws = question.draws;
    options.max_time = max_time;
    GODWIT_TRY(twin::Predictor twin,
               twin::Predictor::make(question.profile, question.link, options));
    Answers answers(question, std::move(twin));
    if (question.learnt != nullptr) {
      GODWIT_TRY(answers.reference_,
                 learn::reference_twin(question.profile, question.link, question.learnt->pair()));
    }
    return answers;
  }
  [[nodiscard]] Result<TechniquePrediction> predict(Technique technique,
                                                    const MigrationParameters& parameters) const {
    GODWIT_TRY(TechniquePrediction said, twin_.predict(technique, parameters));
    if (!reference_) return said;
    GODWIT_TRY(const TechniquePrediction reference, reference_->predict(technique, parameters));
    return question_.learnt->correct(question_.profile, question_.link, reference, std::move(said));
  }

 private:
  Answers(const Question& question, twin::Predictor twin)
      : question_(question), twin_(std::move(twin)) {}

  const Question& question_;
  twin::Predictor twin_;
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

Seconds time_limit(const Intent& intent) {
  return intent.max_time.value_or(twin::Options{}.max_time);
}

std::array<Need, 4> needs(const TechniquePrediction& p, const Intent& intent) {
  const auto seconds = [](const std::optional<Seconds>& s) {
    return s ? std::optional<double>(s->count()) : std::nullopt;
  };
  return {
      Need{"downtime", outage(p).count(), seconds(intent.max_downtime)},
      Need{"total time", p.total_time->p50.count(), time_limit(intent).count()},
      Need{"bytes", p.transferred->p50.as_double(),
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

/// The same, and in which it waits for pages.
double disturbed_seconds(const TechniquePrediction& p) {
  const bool remote = uses_postcopy(p.technique) && !p.rounds.empty() &&
                      p.rounds.back().duration > p.downtime.qemu->p50;
  return stopped_seconds(p) + (remote ? p.rounds.back().duration.count() : 0);
}

double cost(const TechniquePrediction& p, Intent::Prefer prefer) {
  switch (prefer) {
    case Intent::Prefer::kTime:
      return p.total_time->p50.count();
    case Intent::Prefer::kBytes:
      return p.transferred->p50.as_double();
    case Intent::Prefer::kGuest:
      return disturbed_seconds(p);
    case Intent::Prefer::kDowntime:
      break;
  }
  return stopped_seconds(p);
}

/// By what can go wrong: how the guest is disturbed, then how its memory is sent. Among equals the
/// lower is taken.
std::pair<int, int> risk(Technique technique) {
  constexpr std::array kEndings{Ending::kConverged, Ending::kPostcopyAfterShare,
                                Ending::kPostcopyAtOnce, Ending::kFirstEstimate};
  constexpr std::array kCodecs{Codec::kNone, Codec::kZstd, Codec::kZlib, Codec::kXbzrle,
                               Codec::kCompress};
  constexpr int kThrottled = 5;  // more than post-copy at once, less than a guest that stands still
  const auto rank = [](const auto& order, auto value) {
    return static_cast<int>(std::find(order.begin(), order.end(), value) - order.begin());
  };
  const bool throttled = technique.throttle != Throttle::kNone;
  return {2 * rank(kEndings, technique.ending) + (throttled ? kThrottled : 0),
          2 * rank(kCodecs, technique.codec) + (technique.streams == Streams::kMultifd ? 1 : 0)};
}

/// How unlikely it is that it ends in time, in steps of 5 %.
double doubt(const TechniquePrediction& p) {
  return std::round(20 * (1 - p.converges_probability.value_or(Ratio(1)).value()));
}

/// Differences below this share are below what a prediction can tell apart.
constexpr double kSame = 0.02;

bool better(const Candidate& a, const Candidate& b, Intent::Prefer prefer) {
  if (a.sure != b.sure) return a.sure;
  const double ca = cost(a.prediction, prefer);
  const double cb = cost(b.prediction, prefer);
  if (std::abs(ca - cb) > kSame * std::max(ca, cb)) return ca < cb;
  const auto rest = [](const TechniquePrediction& p) {
    return std::tuple(doubt(p), risk(p.technique), p.downtime.probe->p50, p.total_time->p50);
  };
  return rest(a.prediction) < rest(b.prediction);
}

bool excluded(const TechniquePrediction& p, const Intent& intent) {
  return !p.converges || (intent.no_postcopy && uses_postcopy(p.technique));
}

/// Without draws, a case that was cut at the time limit shows as an upper bound beyond it.
bool is_sure(const TechniquePrediction& p, const Intent& intent) {
  if (p.converges_probability) return *p.converges_probability >= intent.confidence;
  return p.total_time->p95 <= time_limit(intent);
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

/// Other parameters worth trying; what the user fixed stays.
std::vector<MigrationParameters> variants(const TechniquePrediction& usual,
                                          const MigrationParameters& fixed) {
  std::vector<MigrationParameters> all;
  const Ending ending = usual.technique.ending;
  if (!usual.grounded) return all;
  if (ending == Ending::kFirstEstimate || ending == Ending::kPostcopyAtOnce) return all;
  if (ending == Ending::kPostcopyAfterShare) {
    for (const Ratio share : kPrecopyShares) {
      if (fixed.precopy_share) break;
      all.push_back(fixed);
      all.back().precopy_share = share;
    }
    return all;
  }
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

Result<std::vector<Candidate>> candidates_of(const Question& question, const Answers& answers,
                                             const std::vector<TechniquePrediction>& defaults) {
  std::vector<Candidate> all;
  all.reserve(defaults.size() + kDowntimeLimits.size());
  const auto add = [&](const TechniquePrediction& p) {
    if (!excluded(p, question.intent)) all.push_back({p, is_sure(p, question.intent)});
  };
  for (const TechniquePrediction& p : defaults) {
    add(p);
    for (const MigrationParameters& parameters : variants(p, question.parameters)) {
      GODWIT_TRY(const TechniquePrediction tried, answers.predict(p.technique, parameters));
      add(tried);
    }
  }
  return all;
}

std::string chosen_because(const TechniquePrediction& p, Intent::Prefer prefer) {
  const auto range = [](const auto& interval) {
    return fmt::format("{} (up to {})", human(interval.p50), human(interval.p95));
  };
  const std::string outage_text =
      fmt::format("a client is expected to miss it for {}", range(*p.downtime.probe));
  const bool has_limit = p.technique.ending == Ending::kConverged;
  const std::string limit =
      has_limit ? fmt::format(" with a downtime limit of {}", human(*p.parameters.downtime_limit))
                : std::string();
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
  if (p.total_time->p95 > time_limit(intent)) {  // room for the upper bound, where it has an end
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
  const Candidate* best = nullptr;
  for (const Candidate& candidate : candidates) {
    if (excess(candidate.prediction, intent) > 0) continue;
    // a time that was asked for is a promise, where it is known how likely it is kept
    const bool weighed = candidate.prediction.converges_probability.has_value();
    if (intent.max_time && weighed && !candidate.sure) continue;
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

}  // namespace

Result<Advised> predict_all(Question question) {
  GODWIT_CHECK_OK(check(question));
  if (question.techniques.empty()) question.techniques = usual_techniques(question);
  const Seconds max_time = time_limit(question.intent);
  GODWIT_TRY(const Answers answers, Answers::make(question, max_time));
  Advised out;
  GODWIT_TRY(out.prediction.predictions, predict_each(question, answers));
  GODWIT_TRY(const std::vector<Candidate> candidates,
             candidates_of(question, answers, out.prediction.predictions));
  if (const Candidate* best = best_of(candidates, question.intent)) {
    const TechniquePrediction& p = best->prediction;
    out.prediction.advice =
        Advice{p.technique, p.parameters, chosen_because(p, question.intent.prefer)};
    out.plan = p;
    return out;
  }
  GODWIT_TRY(const Answers patient, Answers::make(question, std::max(max_time, kPatience)));
  GODWIT_TRY(const std::vector<TechniquePrediction> late, predict_each(question, patient));
  GODWIT_TRY(const std::vector<Candidate> patient_candidates,
             candidates_of(question, patient, late));
  refuse(question, patient_candidates, out);
  return out;
}

}  // namespace godwit::advise
