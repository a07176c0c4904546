#include "godwit/model/curve.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "godwit/base/quantity.h"
#include "rounds.h"

namespace godwit::model {
namespace {

/// All that one prediction needs; lives as long as the call.
struct Context {
  const CurveMemory& memory;
  const CurveOptions& options;
  const DirtyCurve& curve;
  Sending sending;
  MigrationParameters parameters;

  [[nodiscard]] const HostPairConstants& pair() const { return options.pair; }
};

/// Three ways that a migration may go: less dirtied on a faster link, as likely, more on a slower.
struct Runs {
  Run light;
  Run likely;
  Run heavy;
};

// The bounds of a 90 % interval, as places in the threshold's range.
constexpr double kEarly = 0.05;
constexpr double kLate = 0.95;

Case light_case(const Context& x) {
  return {.growth = &x.curve.low(),
          .speed = 1 + x.pair().rate_error.value(),
          .phase = kEarly,
          .data_at_end = x.memory.data / x.memory.ram};
}
/// The last pages of RAM hold data: kernels allocate what they need early from the top, and keep
/// it.
Case likely_case(const Context& x) {
  return {.growth = &x.curve.likely(), .speed = 1, .phase = 0.5, .data_at_end = 1};
}
Case heavy_case(const Context& x) {
  return {.growth = &x.curve.high(),
          .speed = 1 - x.pair().rate_error.value(),
          .phase = kLate,
          .data_at_end = 1};
}

template <class T>
Interval<T> ordered(T low, T likely, T high) {
  return {.p50 = likely, .p05 = std::min(low, likely), .p95 = std::max(high, likely)};
}

template <class T>
Interval<T> operator+(const Interval<T>& a, const Interval<T>& b) {
  return {.p50 = a.p50 + b.p50, .p05 = a.p05 + b.p05, .p95 = a.p95 + b.p95};
}

Bytes to_bytes(double bytes) {
  return Bytes(static_cast<std::int64_t>(std::llround(bytes)));
}

/// A case that does not end within the time limit is cut there.
double seconds_of(const Run& run, const Context& x) {
  return run.converges ? run.seconds : x.options.max_time.count();
}
double stream_of(const Run& run, const Context& x) {
  return run.converges ? run.stream : x.sending.rate * x.options.max_time.count();
}

void fill_cost(const Context& x, const Runs& runs, TechniquePrediction& out) {
  out.total_time = ordered(Seconds(seconds_of(runs.light, x)), Seconds(runs.likely.seconds),
                           Seconds(seconds_of(runs.heavy, x))) +
                   x.pair().overhead;
  const double error = x.pair().stream_error.value();
  out.transferred =
      ordered(to_bytes(stream_of(runs.light, x) * (1 - error)), to_bytes(runs.likely.stream),
              to_bytes(stream_of(runs.heavy, x) * (1 + error)));
}

/// Downtime by kind from what is sent while the guest stands still.
void fill_downtime(const Context& x, const Interval<Seconds>& ram, DowntimePrediction& out) {
  const Interval<Seconds> stopped = ram + x.pair().device_state;
  out.qemu = out.events = stopped + x.pair().resume;
  out.probe = stopped + x.pair().client;
}

/// Time to send what is left with the guest stopped.
Interval<Seconds> switchover_time(const Context& x, const Runs& runs) {
  const auto time = [&](const Run& run, double speed) {
    const double left = run.converges ? run.left : run.threshold;
    return Seconds(std::max(left * run.last_factor / (x.sending.switch_rate * speed),
                            left / x.sending.coding.cpu_rate));
  };
  const double error = x.pair().rate_error.value();
  const Seconds light = time(runs.light, 1 + error);
  const Seconds likely = time(runs.likely, 1);
  const Seconds heavy = time(runs.heavy, 1 - error);
  return ordered(std::min(light, heavy), likely, std::max(light, heavy));
}

std::string allowance(const Context& x, const Run& run) {
  return fmt::format("the limit of {} allows {}", human(*x.parameters.downtime_limit),
                     human(to_bytes(run.threshold)));
}

std::string rounds_text(int passes) {
  return passes == 1 ? std::string("one round") : fmt::format("{} rounds", passes);
}

std::string why_not(const Context& x, const Run& run) {
  const std::string rate = human(BytesPerSecond(x.sending.rate));
  if (run.seconds > x.options.max_time.count()) {
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

void fill_precopy(const Context& x, const Runs& runs, TechniquePrediction& out) {
  out.converges = true;
  fill_cost(x, runs, out);
  fill_downtime(x, switchover_time(x, runs), out.downtime);
  if (x.sending.throttling.on) {
    const auto lost = [](const Run& run) { return Ratio(run.lost / run.seconds); };
    out.slowdown = ordered(lost(runs.light), lost(runs.likely), lost(runs.heavy));
  }
  out.why = fmt::format("after {} {} are left, and {}", rounds_text(runs.likely.passes),
                        human(to_bytes(runs.likely.left)), allowance(x, runs.likely));
  if (!runs.heavy.converges) {
    out.why += "; it may fail to converge if the guest writes a little more than it did";
  }
}

/// Runs the three cases. Nothing where the likely one does not end: `out` then says why.
template <class RunCase>
std::optional<Runs> run_cases(const Context& x, const RunCase& run, TechniquePrediction& out) {
  Runs runs;
  runs.likely = run(likely_case(x), &out.rounds);
  if (!runs.likely.converges) {
    out.why = why_not(x, runs.likely);
    out.rounds.clear();
    return std::nullopt;
  }
  runs.light = run(light_case(x), nullptr);
  runs.heavy = run(heavy_case(x), nullptr);
  return runs;
}

void predict_precopy(const Context& x, TechniquePrediction& out) {
  const auto run = [&x](const Case& c, std::vector<PredictedRound>* rounds) {
    return run_precopy(x.memory, x.options, x.sending, c, rounds);
  };
  out.rounds.reserve(16);
  if (const auto runs = run_cases(x, run, out)) fill_precopy(x, *runs, out);
}

/// Outage of a guest that post-copy moved. It answers after a number of page faults in sequence,
/// each of which waits behind the sender's queue; at most until everything has arrived.
Interval<Seconds> postcopy_outage(const Context& x, double share, const Runs& runs) {
  const HostPairConstants& pair = x.pair();
  const double queue_seconds = pair.sender_queue.as_double() / x.sending.postcopy_rate;
  const auto outage = [&](double at_once, double after_pass, const Run& run) {
    const double faults = at_once + std::min(share, 1.0) * (after_pass - at_once);
    return Seconds(std::min(faults * queue_seconds, run.remote_seconds));
  };
  return ordered(outage(pair.faults_at_once.p05, pair.faults_after_pass.p05, runs.light),
                 outage(pair.faults_at_once.p50, pair.faults_after_pass.p50, runs.likely),
                 outage(pair.faults_at_once.p95, pair.faults_after_pass.p95, runs.heavy)) +
         pair.client;
}

void predict_postcopy(const Context& x, TechniquePrediction& out) {
  const double share = x.parameters.precopy_share->value();
  const auto run = [&x, share](const Case& c, std::vector<PredictedRound>* rounds) {
    return run_postcopy(x.memory, x.options, x.sending, c, share, rounds);
  };
  const auto runs = run_cases(x, run, out);
  if (!runs) return;
  if (!runs->likely.postcopied) {
    fill_precopy(x, *runs, out);
    out.why += ": pre-copy ends by itself before post-copy would begin";
    return;
  }
  out.converges = true;
  fill_cost(x, *runs, out);
  out.downtime.qemu = x.pair().postcopy_stop;
  out.downtime.events = x.pair().postcopy_stop + x.pair().resume;
  out.downtime.probe = postcopy_outage(x, share, *runs);
  out.why =
      fmt::format("after {} the guest runs on the destination, and {} follow within {}",
                  human(Seconds(runs->likely.seconds - runs->likely.remote_seconds)),
                  human(to_bytes(runs->likely.left)), human(Seconds(runs->likely.remote_seconds)));
}

/// A downtime limit that everything fits: QEMU stops the guest at its first look, one window after
/// the start, and sends the rest (control/settings.cpp). Nobody writes meanwhile.
void predict_stopped(const Context& x, TechniquePrediction& out) {
  const double stream = full_stream(x.memory, x.sending.coding);
  const Growth still({{}, {1, 0, 0}}, {}, x.memory.ram, 1);
  const auto run = [&](Case c, std::vector<PredictedRound>* rounds) {
    c.growth = &still;
    return run_precopy(x.memory, x.options, x.sending, c, rounds);
  };
  const auto runs = run_cases(x, run, out);
  if (!runs) return;
  out.converges = true;
  fill_cost(x, *runs, out);
  const auto standing = [&](const Run& r) {
    return Seconds(std::max(0.0, seconds_of(r, x) - x.sending.window));
  };
  fill_downtime(x, ordered(standing(runs->light), standing(runs->likely), standing(runs->heavy)),
                out.downtime);
  out.slowdown = Interval<Ratio>{Ratio(1), Ratio(1), Ratio(1)};
  out.why = fmt::format("the guest stands still while {} are sent at {}", human(to_bytes(stream)),
                        human(BytesPerSecond(x.sending.rate)));
}

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

MigrationParameters assumed(Technique technique, const MigrationParameters& given,
                            const Link& link) {
  MigrationParameters all = given;
  all.max_bandwidth = given.max_bandwidth.value_or(link.rate);
  all.downtime_limit = given.downtime_limit.value_or(kDefaultDowntimeLimit);
  if (technique == Technique::kPostcopy) all.precopy_share = given.precopy_share.value_or(Ratio(0));
  if (technique == Technique::kHybrid) all.precopy_share = given.precopy_share.value_or(Ratio(1));
  return all;
}

Sending sending_of(const MigrationParameters& parameters, const Link& link, Seconds window) {
  Sending s;
  s.switch_rate = link.rate.value();
  s.rate = std::min(parameters.max_bandwidth->value(), s.switch_rate);
  const BytesPerSecond postcopy = parameters.max_postcopy_bandwidth.value_or(BytesPerSecond(0));
  s.postcopy_rate =
      postcopy.value() > 0 ? std::min(postcopy.value(), s.switch_rate) : s.switch_rate;
  s.reckoned_rate = parameters.avail_switchover_bandwidth.value_or(BytesPerSecond(0)).value();
  s.limit = parameters.downtime_limit->count();
  s.window = window.count();
  return s;
}

// --- what techniques make of pages ---

/// A multifd packet: a header of 64 bytes and an offset of 8 for each of its 128 pages (multifd.h).
constexpr double kMultifdPage = 8 + 64.0 / 128;
constexpr double kMultifdZeroMark = 8;
constexpr double kXbzrleHeader = 3;  // a flag and the length
constexpr double kXbzrleCache = 64 << 20;
constexpr int kMultifdChannels = 2;

Coding plain(double page) {
  const double whole = 1 + kPageHeader / page;
  return {.first = whole, .later = whole, .cached = whole, .zero_mark = kZeroMark};
}

Coding by_xbzrle(const CurveMemory& m, const MigrationParameters& parameters) {
  Coding coding = plain(m.page);
  coding.cache = parameters.xbzrle_cache ? parameters.xbzrle_cache->as_double() : kXbzrleCache;
  if (!m.change) return coding;
  const double overflow = m.change->xbzrle_overflow.value();
  const double small = (m.change->xbzrle.as_double() + kPageHeader + kXbzrleHeader) / m.page;
  coding.cached = overflow * coding.later + (1 - overflow) * small;
  return coding;
}

/// `ratio` and `cost`: which member of PageContents.
Coding by_multifd(const CurveMemory& m, const MigrationParameters& parameters,
                  const HostPairConstants& pair, Ratio PageContents::*ratio,
                  Seconds PageContents::*cost) {
  Coding coding{.zero_mark = kMultifdZeroMark};
  const double header = kMultifdPage / m.page;
  const auto shrunk = [&](const std::optional<PageContents>& contents) {
    return (ratio != nullptr && contents ? ((*contents).*ratio).value() : 1.0) + header;
  };
  coding.first = shrunk(m.contents);
  coding.later = coding.cached = shrunk(m.changed_contents ? m.changed_contents : m.contents);
  if (cost != nullptr && m.contents && ((*m.contents).*cost).count() > 0) {
    const double channels = parameters.multifd_channels.value_or(kMultifdChannels);
    coding.cpu_rate = std::min(channels, pair.coding_cpus) * m.page / ((*m.contents).*cost).count();
  }
  return coding;
}

Coding coding_of(Technique technique, const CurveMemory& m, const MigrationParameters& parameters,
                 const HostPairConstants& pair) {
  switch (technique) {
    case Technique::kXbzrle:
      return by_xbzrle(m, parameters);
    case Technique::kMultifd:
      return by_multifd(m, parameters, pair, nullptr, nullptr);
    case Technique::kMultifdZlib:
      return by_multifd(m, parameters, pair, &PageContents::zlib, &PageContents::zlib_per_page);
    case Technique::kMultifdZstd:
      return by_multifd(m, parameters, pair, &PageContents::zstd, &PageContents::zstd_per_page);
    default:
      return plain(m.page);
  }
}

Throttling throttling_of(Technique technique, const CurveMemory& m,
                         const MigrationParameters& parameters) {
  Throttling t;
  t.on = technique == Technique::kAutoConverge;
  const auto share = [](std::optional<int> percent, double usual) {
    return percent ? *percent / 100.0 : usual;
  };
  t.initial = share(parameters.throttle_initial_percent, t.initial);
  t.increment = share(parameters.throttle_increment_percent, t.increment);
  t.most = share(parameters.max_throttle_percent, t.most);
  t.cpu_use = m.cpu_use;
  return t;
}

/// Multifd's compression needs to know what pages hold.
bool lacks_contents(Technique technique, const CurveMemory& m) {
  const bool compresses =
      technique == Technique::kMultifdZlib || technique == Technique::kMultifdZstd;
  return compresses && m.data > 0 && !m.contents;
}

}  // namespace

bool curve_predicts(Technique technique) {
  return technique != Technique::kCompress && !is_cold(technique);
}

CurvePredictor::CurvePredictor(const CurveMemory& memory, const Link& link,
                               const CurveOptions& options, DirtyCurve curve)
    : memory_(memory), link_(link), options_(options), curve_(std::move(curve)) {}

Result<CurvePredictor> CurvePredictor::make(const GuestProfile& profile, const Link& link,
                                            const CurveOptions& options) {
  if (!(link.rate.value() > 0 && std::isfinite(link.rate.value()))) {
    return fail(ErrorCode::kBadInput, "the link has no rate", "give one, such as --link 50MB/s");
  }
  const double zero = profile.zero_share.value();
  if (!(zero >= 0 && zero <= 1)) {
    return fail(ErrorCode::kBadInput, "the profile's share of zero pages is not between 0 and 1",
                "take the profile again: godwit profile VM");
  }
  if (!(options.max_time > Seconds(0))) {
    return fail(ErrorCode::kBadInput, "the time limit must be more than 0",
                "give a time such as 120s");
  }
  GODWIT_TRY(DirtyCurve curve, DirtyCurve::from_profile(profile, options.activity));
  CurveMemory memory;
  memory.ram = profile.ram.as_double();
  memory.page = profile.page_size.bytes().as_double();
  memory.data = memory.ram * (1 - zero);
  memory.zero_pages = memory.ram * zero / memory.page;
  memory.contents = profile.contents;
  memory.changed_contents = profile.changed_contents;
  memory.change = profile.change;
  const int vcpus = std::max(profile.vcpus.value_or(1), 1);
  memory.cpu_use = profile.vcpu_use ? std::min(*profile.vcpu_use / vcpus, 1.0) : 1.0;
  return CurvePredictor(memory, link, options, std::move(curve));
}

Result<TechniquePrediction> CurvePredictor::predict(Technique technique,
                                                    const MigrationParameters& parameters) const {
  if (!curve_predicts(technique)) {
    return fail(ErrorCode::kUnsupported,
                fmt::format("{} cannot be predicted yet", to_string(technique)),
                "predict another technique");
  }
  if (lacks_contents(technique, memory_)) {
    return fail(ErrorCode::kUnsupported,
                fmt::format("{} cannot be predicted: the profile does not say how pages shrink",
                            to_string(technique)),
                "take the profile again: godwit profile VM");
  }
  GODWIT_CHECK_OK(check(parameters));
  TechniquePrediction out;
  out.technique = technique;
  out.model = "curve";
  out.parameters = assumed(technique, parameters, link_);
  Sending sending = sending_of(out.parameters, link_, options_.pair.window);
  sending.coding = coding_of(technique, memory_, out.parameters, options_.pair);
  sending.throttling = throttling_of(technique, memory_, out.parameters);
  const Context context{memory_, options_, curve_, sending, out.parameters};
  if (uses_postcopy(technique)) {
    predict_postcopy(context, out);
  } else if (technique == Technique::kStopAndCopy) {
    predict_stopped(context, out);
  } else {
    predict_precopy(context, out);
  }
  return out;
}

}  // namespace godwit::model
