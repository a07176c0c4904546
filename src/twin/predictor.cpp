#include "godwit/twin/predictor.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>

#include "chance.h"
#include "coding.h"
#include "godwit/base/quantity.h"
#include "godwit/base/statistics.h"
#include "godwit/domain/combination_rule.h"
#include "humps.h"
#include "over_link.h"
#include "postcopy.h"
#include "sending.h"
#include "to_bytes.h"

namespace godwit::twin {
namespace {

using model::Growth;

/// All that the runs of one prediction have in common.
struct Setup {
  const Guest& guest;
  const Options& options;
  MigrationParameters parameters;
  Sending sending;
  const model::Phases* phases = nullptr;  ///< of a guest that has some

  [[nodiscard]] double max_seconds() const { return options.max_time.count(); }
};

/// How one run went.
struct Run {
  bool converges = false;
  bool postcopied = false;  ///< ended by post-copy, not by pre-copy's switchover
  int passes = 0;
  double seconds = 0;  ///< sending, the stop included
  double stream = 0;
  double left = 0;          ///< memory still to send when the passes ended
  double last_seconds = 0;  ///< that took so long
  double pass_seconds = 0;  ///< of the last pass, and what was dirtied in it
  double dirtied = 0;
  double threshold = 0;  ///< memory that might be left to switch over, by the last pass
  double lost = 0;       ///< seconds of guest time that throttling took
};

Course course_of(const Setup& x, const Chance& chance, const Growth& growth, model::Life* life) {
  return {.growth = &growth,
          .life = life,
          .speed = chance.speed,
          .phase = chance.phase,
          .data_at_end = chance.data_at_end,
          .zero_page_scan = x.options.pair.zero_page_scan.count(),
          .coding = chance.coding,
          .processors = chance.processors};
}

/// Writes down what a pass or the last stage did, where somebody wants to know.
void note(std::vector<PredictedRound>* rounds, const Progress& step) {
  if (rounds == nullptr) return;
  rounds->push_back({Seconds(step.step_seconds), to_bytes(step.step_stream), to_bytes(step.left)});
}

void note_pass(const Migration& migration, Run& run) {
  const Progress& now = migration.progress();
  run.passes = now.passes;
  run.left = now.left;
  run.threshold = migration.threshold();
  run.pass_seconds = now.step_seconds;
  run.dirtied = now.dirtied;
  run.seconds = now.seconds;
  run.stream = now.stream;
  run.lost = now.lost;
}

/// Sends what is left, the guest standing still or at the destination.
void finish(const Setup& x, Migration& migration, Run& run, std::vector<PredictedRound>* rounds) {
  const Progress& now = migration.progress();
  run.left = now.left;
  migration.run();
  note(rounds, now);
  run.last_seconds = now.step_seconds;
  run.seconds = now.seconds;
  run.stream = now.stream;
  run.lost = now.lost;
  run.converges = run.seconds <= x.max_seconds();
}

/// Does a guest that had `before` to send before the last pass get below the threshold within the
/// time left? On a concave curve the gain per second only shrinks, so a straight line from the last
/// pass is the best that can come; unless it is throttled more yet, or a quiet phase may come.
bool hopeless(const Setup& x, const Progress& now, const Run& run, double before) {
  if (x.phases != nullptr) return false;
  const Throttling& throttling = x.sending.throttling;
  if (throttling.on && now.throttle < throttling.most) return false;
  const double gain = before - run.left;
  return gain <= 0 ||
         (run.left - run.threshold) / gain * run.pass_seconds > x.max_seconds() - run.seconds;
}

Run run_precopy(const Setup& x, const Course& course, std::vector<PredictedRound>* rounds) {
  Migration migration(x.guest, x.sending, course);
  const Progress& now = migration.progress();
  Run run;
  int hopeless_passes = 0;
  bool steady = false;  // passes are comparable once all pages were sent
  double before = 0;
  while (now.stage == Stage::kPasses) {
    if (now.seconds > x.max_seconds()) return run;
    migration.run();
    note(rounds, now);
    note_pass(migration, run);
    const bool bad = steady && now.stage == Stage::kPasses && hopeless(x, now, run, before);
    hopeless_passes = bad ? hopeless_passes + 1 : 0;
    if (hopeless_passes == 2) return run;
    steady = migration.unsent() <= 0;
    before = run.left;
  }
  finish(x, migration, run, rounds);
  return run;
}

/// `share` of one pass by pre-copy, the rest by post-copy. With a generous limit QEMU may find
/// before that it can switch over as pre-copy does; then it does.
Run run_postcopy(const Setup& x, const Course& course, double share,
                 std::vector<PredictedRound>* rounds) {
  Migration migration(x.guest, x.sending, course);
  const Progress& now = migration.progress();
  Run run;
  const bool passed = share > 0 && migration.run(migration.seconds_until(share));
  if (passed) {
    note(rounds, now);
    note_pass(migration, run);
  }
  run.postcopied = now.stage == Stage::kPasses;
  if (run.postcopied) {
    const Progress precopied = now;
    migration.start_postcopy();
    if (share > 0 && !passed && rounds != nullptr) {
      rounds->push_back(
          {Seconds(precopied.step_seconds), to_bytes(precopied.step_stream), to_bytes(now.left)});
    }
  }
  finish(x, migration, run, rounds);
  return run;
}

// --- what is measured of a run ---

struct Sample {
  double total = 0;  ///< seconds
  double stream = 0;
  double qemu = 0;  ///< downtimes, in seconds
  double events = 0;
  double probe = 0;
  double slowdown = 0;
  double host_cpu = 0;  ///< seconds
};

/// A run that does not end within the time limit is cut there. Bytes that nobody foresaw take their
/// time.
Sample cost_of(const Setup& x, const Run& run, const Chance& chance) {
  Sample s;
  s.total = (run.converges ? run.seconds * chance.stream : x.max_seconds()) + chance.overhead;
  s.stream = (run.converges ? run.stream : x.sending.rate * x.max_seconds()) * chance.stream;
  return s;
}

/// The guest's share of the time, and the processors'. `still`: seconds in which it does nothing.
void add_guest(const Setup& x, const Run& run, double still, const Chance& chance, Sample& s) {
  const HostPairConstants& pair = x.options.pair;
  s.slowdown = std::clamp((run.lost + still) / s.total + chance.brownout, 0.0, 1.0);
  const double running = s.total * (1 - s.slowdown);
  const double own = (x.guest.cpu_use * x.guest.vcpus + pair.cpu_per_second) * running;
  const double coding = s.stream / x.sending.coding.first * x.sending.coding.cpu_per_byte;
  s.host_cpu = (own + coding + pair.cpu_per_gigabyte * s.stream / 1e9) * chance.cpu;
}

/// QEMU counts its downtime within its total time. Where there is next to nothing to send, the
/// switchover is all of it.
void add_switchover(Sample& s) {
  s.total = std::max(s.total, s.qemu);
}

/// `ram`: seconds in which what is left is sent while the guest stands still.
void add_downtime(double ram, const Chance& chance, Sample& s) {
  const double stopped = ram + chance.device_state;
  s.qemu = s.events = stopped + chance.resume;
  s.probe = stopped + chance.client;
  add_switchover(s);
}

Sample sample_precopy(const Setup& x, const Run& run, const Chance& chance) {
  Sample s = cost_of(x, run, chance);
  const double rest = run.converges ? run.last_seconds : run.threshold / x.sending.switch_rate;
  add_downtime(x.sending.queued + rest, chance, s);
  add_guest(x, run, s.events, chance, s);
  return s;
}

Sample sample_postcopy(const Setup& x, const Run& run, const Chance& chance, double share) {
  Sample s = cost_of(x, run, chance);
  s.qemu = chance.postcopy_stop;
  const PostcopySilence guest =
      postcopy_silence(x.sending, x.parameters, x.options.pair, chance, share, run.last_seconds);
  const double resume = share > 0 ? chance.resume : chance.postcopy_resume;
  s.events = chance.postcopy_stop + guest.begun + resume;
  s.probe = guest.silent + chance.client;
  add_switchover(s);
  const double later = chance.still_waits * (1 - share) * (run.last_seconds - guest.waiting);
  add_guest(x, run, guest.silent + resume + later, chance, s);
  return s;
}

/// A downtime limit that everything fits: QEMU stops the guest at its first look, one window after
/// the start, and sends the rest (control/settings.cpp). It ends when the destination runs. What is
/// sent before that look leaves the switchover alone.
Sample sample_stopped(const Setup& x, const Run& run, const Chance& chance) {
  Sample s = cost_of(x, run, chance);
  s.qemu = s.events = std::max(chance.device_state + chance.resume, s.total - x.sending.window);
  add_switchover(s);
  s.probe = s.events + std::max(0.0, chance.client - chance.resume);
  add_guest(x, run, s.events, chance, s);
  return s;
}

/// Runs a technique, each time with another chance.
class Technician {
 public:
  Technician(const Setup& x, Technique technique) : x_(x), technique_(technique) {
    if (uses_postcopy(technique)) share_ = x.parameters.precopy_share->value();
    if (technique.ending == Ending::kFirstEstimate) {
      still_.emplace(std::vector<Growth::Knot>{{}, {1, 0, 0}}, model::Tail{}, x.guest.ram);
    }
  }

  [[nodiscard]] Run run(const Chance& chance, const Growth& growth,
                        std::vector<PredictedRound>* rounds = nullptr) const {
    std::optional<model::Life> life;
    if (x_.phases != nullptr && !still_) life.emplace(*x_.phases, chance.curve, chance.life);
    const Course course = course_of(x_, chance, still_ ? *still_ : growth, life ? &*life : nullptr);
    return uses_postcopy(technique_) ? run_postcopy(x_, course, share_, rounds)
                                     : run_precopy(x_, course, rounds);
  }
  [[nodiscard]] Sample sample(const Run& run, const Chance& chance) const {
    if (still_) return sample_stopped(x_, run, chance);
    return run.postcopied ? sample_postcopy(x_, run, chance, std::min(share_, 1.0))
                          : sample_precopy(x_, run, chance);
  }

 private:
  const Setup& x_;
  Technique technique_;
  double share_ = 1;
  std::optional<Growth> still_;  ///< nobody writes while the guest stands still
};

// --- from runs to a prediction ---

/// What the samples of a prediction are.
enum class Tried {
  kCorners,  ///< the likely course, and those in which all goes well, or badly
  kDrawn,    ///< the likely course, and draws
  kLives,    ///< draws alone: no course is the likely one
};

/// The first sample is the typical one; the others give the interval: as the bounds of 90 % of them
/// where they are draws (of which those count that end), as their extremes where they are corners.
/// Of lives the middle is that of each quantity by itself.
class Summary {
 public:
  Summary(std::vector<Sample> samples, Tried tried) : samples_(std::move(samples)), tried_(tried) {}

  [[nodiscard]] Interval<double> of(double Sample::*quantity) const {
    std::vector<double> values = sorted(quantity);
    const bool drawn = tried_ != Tried::kCorners;
    const double likely =
        tried_ == Tried::kLives ? sorted_quantile(values, 0.5) : samples_.front().*quantity;
    const double low = drawn ? sorted_quantile(values, 0.05) : values.front();
    const double high = drawn ? sorted_quantile(values, 0.95) : values.back();
    return {.p50 = likely, .p05 = std::min(low, likely), .p95 = std::max(high, likely)};
  }

  /// Corners are no sample of what may come.
  [[nodiscard]] std::vector<Hump> humps() const {
    if (tried_ == Tried::kCorners) return {};
    return humps_of(sorted(&Sample::total));
  }

 private:
  /// Without the typical one where that is none of the draws.
  [[nodiscard]] std::vector<double> sorted(double Sample::*quantity) const {
    std::vector<double> values;
    values.reserve(samples_.size());
    const std::size_t first = tried_ == Tried::kCorners ? 0 : 1;
    for (std::size_t i = first; i < samples_.size(); ++i) values.push_back(samples_[i].*quantity);
    if (values.empty()) values.push_back(samples_.front().*quantity);
    std::sort(values.begin(), values.end());
    return values;
  }

  std::vector<Sample> samples_;
  Tried tried_;
};

Interval<Seconds> seconds(const Interval<double>& i) {
  return {Seconds(i.p50), Seconds(i.p05), Seconds(i.p95)};
}
Interval<Bytes> bytes(const Interval<double>& i) {
  return {to_bytes(i.p50), to_bytes(i.p05), to_bytes(i.p95)};
}

/// `works`: the guest has work to lose.
void fill(const Summary& summary, bool works, TechniquePrediction& out) {
  out.total_time = seconds(summary.of(&Sample::total));
  out.humps = summary.humps();
  out.transferred = bytes(summary.of(&Sample::stream));
  out.downtime.qemu = seconds(summary.of(&Sample::qemu));
  out.downtime.events = seconds(summary.of(&Sample::events));
  out.downtime.probe = seconds(summary.of(&Sample::probe));
  const auto slowdown = works ? summary.of(&Sample::slowdown) : Interval<double>{};
  out.slowdown = {Ratio(slowdown.p50), Ratio(slowdown.p05), Ratio(slowdown.p95)};
  out.host_cpu = seconds(summary.of(&Sample::host_cpu));
}

// --- why ---

std::string allowance(const Setup& x, const Run& run) {
  return fmt::format("the limit of {} allows {}", human(*x.parameters.downtime_limit),
                     human(to_bytes(run.threshold)));
}

std::string rounds_text(int passes) {
  return passes == 1 ? std::string("one round") : fmt::format("{} rounds", passes);
}

std::string why_not(const Setup& x, const Run& run) {
  const std::string rate = human(BytesPerSecond(x.sending.rate));
  if (run.seconds > x.max_seconds()) {
    return fmt::format("sending {} at {} takes longer than the {} allowed",
                       human(to_bytes(run.stream)), rate, human(x.options.max_time));
  }
  const std::string dirtied = fmt::format(
      "the guest dirties {} during the {} that sending takes at {}, and {}",
      human(to_bytes(run.dirtied)), human(Seconds(run.pass_seconds)), rate, allowance(x, run));
  if (run.dirtied >= run.threshold) return dirtied;
  return fmt::format("{} are still dirty after {}: {}", human(to_bytes(run.left)),
                     rounds_text(run.passes), dirtied);
}

/// `unsure`: so many of the runs do not end that it should be said.
std::string why(const Setup& x, Technique technique, const Run& run, bool unsure) {
  if (technique.ending == Ending::kFirstEstimate) {
    return fmt::format("the guest stands still while {} are sent at {}",
                       human(to_bytes(run.stream)), human(BytesPerSecond(x.sending.rate)));
  }
  if (run.postcopied) {
    return fmt::format("after {} the guest runs on the destination, and {} follow within {}",
                       human(Seconds(run.seconds - run.last_seconds)), human(to_bytes(run.left)),
                       human(Seconds(run.last_seconds)));
  }
  std::string text = fmt::format("after {} {} are left, and {}", rounds_text(run.passes),
                                 human(to_bytes(run.left)), allowance(x, run));
  if (unsure) text += "; it may fail to converge if the guest writes a little more than it did";
  if (uses_postcopy(technique)) text += ": pre-copy ends by itself before post-copy would begin";
  return text;
}

/// More than this share of runs without an end is worth a word.
constexpr double kUnsure = 0.05;

/// All courses of one migration that were tried.
struct Courses {
  std::vector<Run> runs;
  std::size_t typical = 0;  ///< the one that stands for those that end
  std::size_t endless = 0;  ///< how many of the others do not

  [[nodiscard]] double share_without_end() const {
    return runs.size() < 2 ? 0
                           : static_cast<double>(endless) / static_cast<double>(runs.size() - 1);
  }
};

/// The draw that ends in the middle of those that end; the likely course where that ends, too.
std::size_t typical_of(const std::vector<Run>& runs, bool has_likely) {
  std::vector<std::size_t> ended;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    if (runs[i].converges) ended.push_back(i);
  }
  if (ended.empty() || (has_likely && ended.front() == 0)) return 0;
  const auto middle = ended.begin() + static_cast<std::ptrdiff_t>(ended.size() / 2);
  std::nth_element(ended.begin(), middle, ended.end(), [&runs](std::size_t a, std::size_t b) {
    return runs[a].seconds < runs[b].seconds;
  });
  return *middle;
}

/// How likely a migration ends of whose `draws` courses `endless` do not: never quite sure, as so
/// few draws can't tell (Jeffreys' prior).
Ratio probability_of_end(std::size_t draws, std::size_t endless) {
  return Ratio((static_cast<double>(draws - endless) + 0.5) / (static_cast<double>(draws) + 1));
}

void predict(const Setup& x, Technique technique, const std::vector<Chance>& chances,
             const std::vector<Growth>& growths, TechniquePrediction& out) {
  const Technician technician(x, technique);
  const bool drawn = x.phases != nullptr || x.options.draws > 0;
  Courses courses;
  courses.runs.reserve(chances.size());
  courses.runs.push_back(technician.run(chances[0], growths[0]));
  out.converges = courses.runs[0].converges;
  for (std::size_t i = 1; i < chances.size() && (drawn || out.converges); ++i) {
    courses.runs.push_back(technician.run(chances[i], growths[i]));
    if (!courses.runs.back().converges) ++courses.endless;
  }
  if (drawn) {
    out.converges_probability = probability_of_end(courses.runs.size() - 1, courses.endless);
    out.converges = out.converges_probability->value() >= 0.5;
    courses.typical = typical_of(courses.runs, x.phases == nullptr);
  }
  const Run& typical = courses.runs[courses.typical];
  const bool unsure = courses.share_without_end() > kUnsure;
  out.why = typical.converges ? why(x, technique, typical, unsure) : why_not(x, typical);
  if (!out.converges) return;
  std::vector<Sample> samples{technician.sample(typical, chances[courses.typical])};
  for (std::size_t i = 1; i < courses.runs.size(); ++i) {
    const bool counts = !drawn || courses.runs[i].converges;
    if (counts) samples.push_back(technician.sample(courses.runs[i], chances[i]));
  }
  const Tried tried = x.phases != nullptr ? Tried::kLives : drawn ? Tried::kDrawn : Tried::kCorners;
  fill(Summary(std::move(samples), tried), x.guest.works, out);
  out.rounds.reserve(16);
  static_cast<void>(
      technician.run(chances[courses.typical], growths[courses.typical], &out.rounds));
}

// --- what was asked ---

Result<void> check(const MigrationParameters& parameters) {
  const auto bad = [](const char* what, const char* remedy) {
    return fail(ErrorCode::kBadInput, what, remedy);
  };
  for (const auto& rate : {parameters.max_bandwidth, parameters.avail_switchover_bandwidth}) {
    if (rate && !(rate->value() > 0 && std::isfinite(rate->value()))) {
      return bad("a bandwidth must be more than 0", "give a rate such as 50MB/s");
    }
  }
  if (parameters.max_postcopy_bandwidth && !(parameters.max_postcopy_bandwidth->value() >= 0)) {
    return bad("a post-copy bandwidth cannot be negative", "give a rate, or 0 for no limit");
  }
  if (parameters.downtime_limit && !(*parameters.downtime_limit > Seconds(0))) {
    return bad("the downtime limit must be more than 0", "give a time such as 300ms");
  }
  if (parameters.precopy_share &&
      !(parameters.precopy_share->value() >= 0 && parameters.precopy_share->value() <= 1)) {
    return bad("the share sent by pre-copy must be between 0 and 1", "give a share such as 0.5");
  }
  return {};
}

/// What would have to be measured first; empty where the parts of a technique were, and don't meet
/// in a place of their own.
std::string_view missing_ground(Technique technique) {
  // From then on QEMU sends whole pages over the main stream, behind what channels still carry.
  const bool other_stream =
      technique.streams == Streams::kMultifd || technique.codec == Codec::kCompress;
  if (!uses_postcopy(technique) || !other_stream) return {};
  return "not predicted: nobody has measured yet how post-copy goes on after multifd or compress";
}

}  // namespace

bool predicts(Technique technique) {
  return !is_cold(technique) && !technique.storage;
}

bool needs_contents(Technique technique) {
  return technique.codec == Codec::kZlib || technique.codec == Codec::kZstd ||
         technique.codec == Codec::kCompress;
}

bool guesses(const GuestProfile& profile, Technique technique) {
  const bool goes_by_end =
      technique.ending == Ending::kConverged || technique.ending == Ending::kPostcopyAfterShare;
  if (!goes_by_end) return false;
  const std::vector<Ratio>& parts = profile.data_by_part;
  if (parts.empty()) return true;
  const auto end =
      static_cast<std::ptrdiff_t>(std::ceil(static_cast<double>(parts.size()) * kEndOfRam));
  const bool data =
      std::any_of(parts.end() - end, parts.end(), [](Ratio share) { return share.value() > 0; });
  return needs_contents(technique) && data && !profile.end_contents;
}

Result<std::optional<BytesPerSecond>> compressing_rate(const GuestProfile& profile,
                                                       Technique technique,
                                                       const MigrationParameters& parameters,
                                                       const HostPairConstants& pair) {
  GODWIT_TRY(const Guest guest, guest_of(profile));
  const Coding coding = coding_of(technique, guest, parameters, pair);
  if (coding.cpu_per_byte <= 0) return std::optional<BytesPerSecond>();
  return std::optional(BytesPerSecond(coding.cpu_rate * coding.first));
}

Predictor::Predictor(Guest guest, const Link& link, const Options& options,
                     const model::DirtyCurve& curve, std::optional<model::Phases> phases)
    : guest_(std::move(guest)), link_(link), options_(options), phases_(std::move(phases)) {
  if (phases_ && options_.draws <= 0) options_.draws = kFewDraws;
  options_.pair = over(options.pair, link);
  Chances drawn = options_.draws > 0
                      ? drawn_chances(options_.pair, curve, options_.draws, options.seed)
                      : corner_chances(options_.pair, curve);
  chances_ = std::move(drawn.chances);
  growths_ = std::move(drawn.growths);
}

Result<Predictor> Predictor::make(const GuestProfile& profile, const Link& link,
                                  const Options& options) {
  if (!(link.rate.value() > 0 && std::isfinite(link.rate.value()))) {
    return fail(ErrorCode::kBadInput, "the link has no rate",
                {"give one, such as ", {Setting::kLink, "50MB/s"}});
  }
  if (!(options.max_time > Seconds(0))) {
    return fail(ErrorCode::kBadInput, "the time limit must be more than 0",
                "give a time such as 120s");
  }
  GODWIT_TRY(Guest guest, guest_of(profile));
  GODWIT_TRY(const model::DirtyCurve curve, model::DirtyCurve::from_profile(profile));
  GODWIT_TRY(std::optional<model::Phases> phases, model::Phases::from_profile(profile));
  return Predictor(std::move(guest), link, options, curve, std::move(phases));
}

Result<TechniquePrediction> Predictor::predict(Technique technique,
                                               const MigrationParameters& parameters) const {
  if (!predicts(technique)) {
    return fail(ErrorCode::kUnsupported,
                fmt::format("{} cannot be predicted yet", to_string(technique)),
                "predict another technique");
  }
  if (needs_contents(technique) && guest_.data > 0 && !guest_.contents) {
    return fail(ErrorCode::kUnsupported,
                fmt::format("{} cannot be predicted: the profile does not say how pages shrink",
                            to_string(technique)),
                "take the profile again: godwit profile VM");
  }
  GODWIT_CHECK_OK(check_combination(technique));
  GODWIT_CHECK_OK(check(parameters));
  TechniquePrediction out;
  out.technique = technique;
  out.parameters = assumed(technique, parameters, link_);
  out.why = missing_ground(technique);
  out.grounded = out.why.empty();
  if (!out.grounded) return out;
  out.model = "twin";
  const Setup setup{guest_, options_, out.parameters,
                    sending_of(technique, guest_, out.parameters, link_, options_.pair),
                    phases_ ? &*phases_ : nullptr};
  twin::predict(setup, technique, chances_, growths_, out);
  return out;
}

}  // namespace godwit::twin
