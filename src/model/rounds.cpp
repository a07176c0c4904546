#include "rounds.h"

#include <algorithm>
#include <cmath>

namespace godwit::model {
namespace {

constexpr double kChunk = 1 << 30;  // guest memory per bit of QEMU's clear_bmap, by default
constexpr int kMostChunks = 16;     // beyond it the mean hardly changes
/// QEMU judges rates at a sync, over at least this long (ram.c, migration_bitmap_sync).
constexpr double kLeastPeriod = 1;
/// With auto-converge, a pass after the first that takes longer is synced in between
/// (cpu-throttle.c, since 9.2).
constexpr double kSyncEvery = 5;

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

/// One migration, pass by pass.
class Passes {
 public:
  Passes(const CurveMemory& memory, const Sending& sending, const Case& c)
      : m_(memory), s_(sending), c_(c), rate_(sending.rate * c.speed) {}

  void first(double zero_page_scan);
  /// Until what is left meets the threshold; then a sync adds what was written. Returns the stream
  /// bytes.
  double next();
  [[nodiscard]] const Dirty& dirty() const { return dirty_; }
  /// Memory that may be left to switch over, by the pace of the last pass.
  [[nodiscard]] double threshold() const;
  [[nodiscard]] double factor() const;

  Run run;

 private:
  [[nodiscard]] double pace(double factor) const {
    return std::min(rate_ / factor, s_.coding.cpu_rate);
  }
  [[nodiscard]] double left_at_look(double per_window) const;
  [[nodiscard]] double hits() const;
  [[nodiscard]] double guest_speed() const;
  double live(double seconds, double stream_per_second);
  void sync(double dirtied);
  void judge();

  const CurveMemory& m_;
  const Sending& s_;
  const Case& c_;
  double rate_;  ///< stream bytes a second
  Dirty dirty_;

  double guest_seconds_ = 0;       ///< that the guest has lived since the start
  double guest_pass_seconds_ = 0;  ///< of them, in the last pass
  // auto-converge
  double period_seconds_ = 0;
  double period_stream_ = 0;
  double period_dirtied_ = 0;
  double since_sync_ = 0;
  int high_periods_ = 0;
};

/// The memory left when QEMU looks and finds it below the threshold. It looks once per window, so
/// what is left then lies anywhere up to a window's worth below; where a window's worth exceeds the
/// threshold, a window often ends with all sent (left = 0).
double Passes::left_at_look(double per_window) const {
  return std::max(0.0, threshold() - (1 - c_.phase) * per_window);
}

double Passes::threshold() const {
  const double f = factor();
  const double measured = pace(f) * f / c_.speed;
  return s_.limit * (s_.reckoned_rate > 0 ? s_.reckoned_rate : measured);
}

/// Pages go as a difference from the second time on that they are sent as written ones: the cache
/// is filled from the second pass on. Of those written in the last pass, the share that was written
/// before it, too, is 1 - (W(T + t) - W(T)) / W(t), as far as the cache holds them.
double Passes::hits() const {
  if (s_.coding.cache <= 0 || run.passes < 2 || guest_pass_seconds_ <= 0) return 0;
  const Growth& w = *c_.growth;
  const double before = guest_seconds_ - guest_pass_seconds_;
  const double written = w.bytes_at(guest_pass_seconds_);
  if (written <= 0) return 0;
  const double again = 1 - (w.bytes_at(guest_seconds_) - w.bytes_at(before)) / written;
  const double seen = w.bytes_at(before);
  return std::clamp(again, 0.0, 1.0) * (seen > 0 ? std::min(1.0, s_.coding.cache / seen) : 0);
}

/// Stream bytes per byte of the pages that the next pass sends.
double Passes::factor() const {
  if (run.passes == 0) return s_.coding.first;
  const double hit = hits();
  return hit * s_.coding.cached + (1 - hit) * s_.coding.later;
}

/// Throttling takes what the guest does not use before it slows the guest down.
double Passes::guest_speed() const {
  return std::min(1.0, (1 - run.throttle) / std::max(s_.throttling.cpu_use, 0.01));
}

/// So long the guest lives on, and QEMU sends. Returns how long that is by the guest's own pace.
double Passes::live(double seconds, double stream_per_second) {
  double guest = 0;
  const auto step = [&](double length) {
    guest += length * guest_speed();
    run.lost += length * (1 - guest_speed());
    period_seconds_ += length;
    period_stream_ += length * stream_per_second;
    since_sync_ += length;
  };
  while (s_.throttling.on && run.passes > 0 && seconds > kSyncEvery - since_sync_) {
    const double length = std::max(0.0, kSyncEvery - since_sync_);
    const double guest_before = guest;
    step(length);
    seconds -= length;
    sync(c_.growth->bytes_at(guest) - c_.growth->bytes_at(guest_before));
  }
  step(seconds);
  return guest;
}

void Passes::sync(double dirtied) {
  since_sync_ = 0;
  period_dirtied_ += dirtied;
  if (period_seconds_ < kLeastPeriod) return;
  if (s_.throttling.on) judge();
  period_seconds_ = period_stream_ = period_dirtied_ = 0;
}

void Passes::judge() {
  const Throttling& t = s_.throttling;
  if (period_dirtied_ <= t.trigger * period_stream_ || ++high_periods_ < 2) return;
  high_periods_ = 0;
  run.throttle = run.throttle <= 0 ? t.initial : std::min(run.throttle + t.increment, t.most);
}

void Passes::first(double zero_page_scan) {
  const double f = s_.coding.first;
  const double per_window = pace(f) * s_.window;
  // until a first window has been measured, the threshold is 0
  const double left =
      std::min(left_at_look(per_window) * c_.data_at_end, std::max(0.0, m_.data - per_window));
  run.stream = full_stream(m_, s_.coding) - left * f;
  const double zeros = m_.zero_pages * (s_.coding.zero_mark / rate_ + zero_page_scan);
  run.pass_seconds = run.seconds = (m_.data - left) / pace(f) + zeros;
  run.dirtied = dirtied_in_first_pass(m_, *c_.growth, live(run.seconds, run.stream / run.seconds));
  guest_seconds_ = guest_pass_seconds_ = run.seconds;
  dirty_ = {.hot = run.dirtied, .cold = left * (1 - run.dirtied / m_.ram)};
  run.passes = 1;
  sync(run.dirtied);
}

double Passes::next() {
  const double f = factor();
  const double all = dirty_.all();
  const double per_window = pace(f) * s_.window;
  const double sent = std::max(all - left_at_look(per_window), std::min(all, per_window));
  const double seconds = sent / pace(f);
  const double cold_sent = std::min(dirty_.cold, sent);
  const double unsent = dirty_.hot > 0 ? 1 - (sent - cold_sent) / dirty_.hot : 0;
  // Sent pages are dirty again if written during the pass. Unsent ones stand for all writes since
  // they were last sent: the set they belong to is W(age), a random part of which is left. Exact
  // for pages written independently of each other, whatever their rates.
  const double age = unsent > 0 ? c_.growth->seconds_at(dirty_.hot) : 0;
  const double guest = live(seconds, sent * f / seconds);
  run.dirtied = c_.growth->bytes_at(guest);
  dirty_.cold -= cold_sent;
  dirty_.hot = (1 - unsent) * run.dirtied;
  if (unsent > 0) dirty_.hot += unsent * c_.growth->bytes_at(age + guest);
  guest_seconds_ += guest;
  guest_pass_seconds_ = guest;
  run.seconds += seconds;
  run.stream += sent * f;
  run.pass_seconds = seconds;
  ++run.passes;
  sync(run.dirtied);
  return sent * f;
}

/// Does a guest whose dirty pages went from `before` to `now` in the last pass get below the
/// threshold within the time left? On a concave curve the gain per second only shrinks, so a
/// straight line from the last pass is the best that can come; unless it is throttled more yet.
bool hopeless(const Passes& passes, const Throttling& throttling, double before,
              double seconds_left) {
  if (throttling.on && passes.run.throttle < throttling.most) return false;
  const double now = passes.dirty().all();
  const double gain = before - now;
  return gain <= 0 || (now - passes.threshold()) / gain * passes.run.pass_seconds > seconds_left;
}

}  // namespace

double full_stream(const CurveMemory& memory, const Coding& coding) {
  return memory.data * coding.first + memory.zero_pages * coding.zero_mark;
}

Run run_precopy(const CurveMemory& memory, const CurveOptions& options, const Sending& s,
                const Case& c, std::vector<PredictedRound>* rounds) {
  const double max_seconds = options.max_time.count();
  Passes passes(memory, s, c);
  Run& run = passes.run;
  passes.first(options.pair.zero_page_scan.count());
  note(rounds, run.seconds, run.stream, passes.dirty().all());
  int hopeless_passes = 0;
  run.left = passes.dirty().all();
  run.threshold = passes.threshold();
  while (run.left >= run.threshold && run.left > 0) {
    if (run.seconds > max_seconds) return run;
    const bool steady = passes.dirty().cold <= 0;  // passes are comparable once those are gone
    const double before = run.left;
    const double sent = passes.next();
    run.left = passes.dirty().all();
    run.threshold = passes.threshold();
    note(rounds, run.pass_seconds, sent, run.left);
    const bool bad = steady && run.left >= run.threshold &&
                     hopeless(passes, s.throttling, before, max_seconds - run.seconds);
    hopeless_passes = bad ? hopeless_passes + 1 : 0;
    if (hopeless_passes == 2) return run;
  }
  run.last_factor = passes.factor();
  const double last = run.left * run.last_factor;
  const double seconds = std::max(last / (s.switch_rate * c.speed), run.left / s.coding.cpu_rate);
  note(rounds, seconds, last, 0);
  run.stream += last;
  run.seconds += seconds;
  run.converges = run.seconds <= max_seconds;
  return run;
}

Run run_postcopy(const CurveMemory& memory, const CurveOptions& options, const Sending& s,
                 const Case& c, double share, std::vector<PredictedRound>* rounds) {
  const double factor = s.coding.first;
  Passes passes(memory, s, c);
  Run& run = passes.run;
  double remaining = full_stream(memory, s.coding);
  if (share >= 1) {
    passes.first(options.pair.zero_page_scan.count());
    run.left = passes.dirty().all();
    run.threshold = passes.threshold();
    note(rounds, run.seconds, run.stream, run.left);
    remaining = run.left * factor;
    run.postcopied = run.left >= run.threshold;
  } else {
    run.postcopied = true;
    run.stream = share * remaining;
    run.seconds = run.stream / (s.rate * c.speed);
    const double again = share * dirtied_in_first_pass(memory, *c.growth, run.seconds);
    run.left = (1 - share) * memory.data + again;
    remaining = (1 - share) * remaining + again * factor;
    if (share > 0) note(rounds, run.seconds, run.stream, run.left);
  }
  run.last_factor = factor;
  const double rate = (run.postcopied ? s.postcopy_rate : s.switch_rate) * c.speed;
  if (run.postcopied) run.remote_seconds = remaining / rate;
  note(rounds, remaining / rate, remaining, 0);
  run.stream += remaining;
  run.seconds += remaining / rate;
  run.converges = run.seconds <= options.max_time.count();
  return run;
}

}  // namespace godwit::model
