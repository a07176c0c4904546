#include "rounds.h"

#include <algorithm>
#include <cmath>

namespace godwit::model {
namespace {

constexpr double kPageHeader = 8;   // QEMU's ram.c: offset and flags before each page
constexpr double kZeroMark = 9;     // a header and one byte
constexpr double kChunk = 1 << 30;  // guest memory per bit of QEMU's clear_bmap, by default
constexpr int kMostChunks = 16;     // beyond it the mean hardly changes

/// What is dirty after the first pass. QEMU clears the dirty log of a chunk when it sends the
/// chunk's first page: what was written there before is sent with it, and not again. All pages are
/// dirty at the start of the first pass only, so later ones gain little by this and none is
/// assumed.
double dirtied_in_first_pass(const CurveMemory& memory, const Growth& growth, double seconds) {
  const int chunks = std::clamp(static_cast<int>(std::ceil(memory.ram / kChunk)), 1, kMostChunks);
  double sum = 0;
  for (int i = 0; i < chunks; ++i) sum += growth.bytes_at(seconds * (1 - 1.0 * i / chunks));
  return sum / chunks;
}

Bytes to_bytes(double bytes) {
  return Bytes(static_cast<std::int64_t>(std::llround(bytes)));
}

void note(std::vector<PredictedRound>* rounds, double seconds, double stream, double left) {
  if (rounds != nullptr) rounds->push_back({Seconds(seconds), to_bytes(stream), to_bytes(left)});
}

/// Pages waiting to be sent between two passes.
struct Dirty {
  double hot = 0;   ///< pages that the guest wrote
  double cold = 0;  ///< of the first pass's end: never written, next in order, hence sent first
  [[nodiscard]] double all() const { return hot + cold; }
};

/// The memory left when QEMU looks and finds it below the threshold. It looks once per window, so
/// what is left then lies anywhere up to a window's worth below; where a window's worth exceeds the
/// threshold, a window often ends with all sent (left = 0).
double left_at_look(const Sending& s, const Case& c, double per_window) {
  return std::max(0.0, s.threshold - (1 - c.phase) * per_window);
}

/// One pass over `dirty`, until what is left meets the threshold; then a sync adds what was
/// written. Returns its length in seconds; adds to `run`.
double pass(const Sending& s, const Case& c, double factor, Dirty& dirty, Run& run) {
  const double rate = s.rate * c.speed;
  const double per_window = rate * s.window / factor;
  const double all = dirty.all();
  const double sent = std::max(all - left_at_look(s, c, per_window), std::min(all, per_window));
  const double seconds = sent * factor / rate;
  const double cold_sent = std::min(dirty.cold, sent);
  const double unsent = dirty.hot > 0 ? 1 - (sent - cold_sent) / dirty.hot : 0;
  // Sent pages are dirty again if written during the pass. Unsent ones stand for all writes since
  // they were last sent: the set they belong to is W(age), a random part of which is left. Exact
  // for pages written independently of each other, whatever their rates.
  const double age = unsent > 0 ? c.growth->seconds_at(dirty.hot) : 0;
  run.dirtied = c.growth->bytes_at(seconds);
  dirty.cold -= cold_sent;
  dirty.hot = (1 - unsent) * run.dirtied;
  if (unsent > 0) dirty.hot += unsent * c.growth->bytes_at(age + seconds);
  run.seconds += seconds;
  run.stream += sent * factor;
  run.pass_seconds = seconds;
  ++run.passes;
  return sent * factor;
}

Dirty first_pass(const CurveMemory& m, const CurveOptions& options, const Sending& s, const Case& c,
                 Run& run) {
  const double factor = header_factor(m);
  const double rate = s.rate * c.speed;
  const double per_window = rate * s.window / factor;
  // until a first window has been measured, the threshold is 0
  const double left =
      std::min(left_at_look(s, c, per_window) * c.data_at_end, std::max(0.0, m.data - per_window));
  run.stream = full_stream(m) - left * factor;
  run.pass_seconds = run.stream / rate + m.zero_pages * options.pair.zero_page_scan.count();
  run.seconds = run.pass_seconds;
  run.passes = 1;
  const double written = dirtied_in_first_pass(m, *c.growth, run.pass_seconds);
  run.dirtied = written;
  return {.hot = written, .cold = left * (1 - written / m.ram)};
}

/// Does a guest whose dirty pages went from `before` to `now` in the last pass get below the
/// threshold within the time left? On a concave curve the gain per second only shrinks, so a
/// straight line from the last pass is the best that can come.
bool hopeless(const Run& run, const Sending& s, double before, double now, double seconds_left) {
  const double gain = before - now;
  return gain <= 0 || (now - s.threshold) / gain * run.pass_seconds > seconds_left;
}

}  // namespace

double header_factor(const CurveMemory& memory) {
  return (memory.page + kPageHeader) / memory.page;
}

double full_stream(const CurveMemory& memory) {
  return memory.data * header_factor(memory) + memory.zero_pages * kZeroMark;
}

Run run_precopy(const CurveMemory& memory, const CurveOptions& options, const Sending& s,
                const Case& c, std::vector<PredictedRound>* rounds) {
  const double factor = header_factor(memory);
  const double max_seconds = options.max_time.count();
  Run run;
  Dirty dirty = first_pass(memory, options, s, c, run);
  note(rounds, run.seconds, run.stream, dirty.all());
  int hopeless_passes = 0;
  while (dirty.all() >= s.threshold && dirty.all() > 0) {
    if (run.seconds > max_seconds) return run;
    const bool steady = dirty.cold <= 0;  // passes are comparable once the cold pages are gone
    const double before = dirty.all();
    const double sent = pass(s, c, factor, dirty, run);
    note(rounds, run.pass_seconds, sent, dirty.all());
    const bool above = dirty.all() >= s.threshold;
    const bool bad =
        steady && above && hopeless(run, s, before, dirty.all(), max_seconds - run.seconds);
    hopeless_passes = bad ? hopeless_passes + 1 : 0;
    run.left = dirty.all();
    if (hopeless_passes == 2) return run;
  }
  run.left = dirty.all();
  const double last = run.left * factor;
  note(rounds, last / (s.switch_rate * c.speed), last, 0);
  run.stream += last;
  run.seconds += last / (s.switch_rate * c.speed);
  run.converges = run.seconds <= max_seconds;
  return run;
}

Run run_postcopy(const CurveMemory& memory, const CurveOptions& options, const Sending& s,
                 const Case& c, double share, std::vector<PredictedRound>* rounds) {
  const double factor = header_factor(memory);
  Run run;
  double remaining = full_stream(memory);
  if (share >= 1) {
    const Dirty dirty = first_pass(memory, options, s, c, run);
    note(rounds, run.seconds, run.stream, dirty.all());
    run.left = dirty.all();
    remaining = run.left * factor;
    run.postcopied = run.left >= s.threshold;
  } else {
    run.postcopied = true;
    run.stream = share * remaining;
    run.seconds = run.stream / (s.rate * c.speed);
    const double again = share * dirtied_in_first_pass(memory, *c.growth, run.seconds);
    run.left = (1 - share) * memory.data + again;
    remaining = (1 - share) * remaining + again * factor;
    if (share > 0) note(rounds, run.seconds, run.stream, run.left);
  }
  const double rate = (run.postcopied ? s.postcopy_rate : s.switch_rate) * c.speed;
  if (run.postcopied) run.remote_seconds = remaining / rate;
  note(rounds, remaining / rate, remaining, 0);
  run.stream += remaining;
  run.seconds += remaining / rate;
  run.converges = run.seconds <= options.max_time.count();
  return run;
}

}  // namespace godwit::model
