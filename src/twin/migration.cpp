#include "godwit/twin/migration.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace godwit::twin {
namespace {

constexpr double kChunk = 1 << 30;  // guest memory per bit of QEMU's clear_bmap, by default
constexpr int kMostChunks = 16;     // beyond it the mean hardly changes
/// QEMU judges rates at a sync, over at least this long (ram.c, migration_bitmap_sync).
constexpr double kLeastPeriod = 1;
/// With auto-converge, a pass after the first that takes longer is synced in between
/// (cpu-throttle.c, since 9.2).
constexpr double kSyncEvery = 5;
/// Of the life of a guest whose migration is under way: in which what is left was written.
constexpr double kKnownPast = 30;

/// All of memory once, on the stream.
double full_stream(const Guest& guest, const Coding& coding) {
  return guest.data * coding.first + guest.zero_pages * coding.zero_mark;
}

/// As chance has it in this run.
Sending in_this_run(Sending sending, const Course& course) {
  Coding& coding = sending.coding;
  if (coding.cpu_per_byte <= 0) return sending;
  for (double* size : {&coding.first, &coding.end, &coding.later, &coding.cached}) {
    *size *= course.coding;
  }
  coding.cpu_rate *= course.processors;
  return sending;
}

}  // namespace

Migration::Migration(const Guest& guest, const Sending& sending, const Course& course)
    : guest_(guest),
      sending_(in_this_run(sending, course)),
      course_(course),
      end_(std::min(data_at_end(guest.ram * kEndOfRam), guest.data)),
      cold_(guest.data) {
  begin_pass();
}

Migration Migration::under_way(const Guest& guest, const Sending& sending, const Course& course,
                               int passes, double left) {
  Migration migration(guest, sending, course);
  migration.progress_.passes = std::max(passes, 1);
  migration.hot_ = std::min(left, guest.ram);
  migration.cold_ = 0;
  if (course.life != nullptr) migration.guest_seconds_ = kKnownPast;
  migration.progress_.left = migration.hot_;
  migration.begun_ = false;
  if (left < migration.threshold()) migration.progress_.stage = Stage::kSwitchover;
  return migration;
}

double Migration::pace(double factor) const {
  return std::min(sending_.rate * course_.speed / factor, sending_.coding.cpu_rate);
}

/// The memory left when QEMU looks and finds it below the threshold. It looks once per window, so
/// what is left then lies anywhere up to a window's worth below; where a window's worth exceeds the
/// threshold, a window often ends with all sent (left = 0). In the first pass QEMU counts zeros as
/// left, too, but hardly any time passes until they are gone.
double Migration::left_at_look(double per_window) const {
  const double fits = progress_.passes == 0 ? data_at_end(threshold()) : threshold();
  return std::max(0.0, fits - (1 - course_.phase) * per_window);
}

double Migration::seconds_until(double share) const {
  const double sent = std::max(0.0, guest_.data - data_at_end((1 - share) * guest_.ram));
  return memory_rate_ > 0 && share < 1 ? sent / memory_rate_
                                       : std::numeric_limits<double>::infinity();
}

double Migration::threshold() const {
  const double f = factor();
  const double measured = pace(f) * f / course_.speed;
  return sending_.limit * (sending_.reckoned_rate > 0 ? sending_.reckoned_rate : measured);
}

/// Pages go as a difference from the second time on that they are sent as written ones: the cache
/// is filled from the second pass on. Of those written in the last pass, the share that was written
/// before it, too, is 1 - (W(T + t) - W(T)) / W(t), as far as the cache holds them.
double Migration::cached_share() const {
  if (sending_.coding.cache <= 0 || progress_.passes < 2 || last_guest_pass_ <= 0) return 0;
  const double before = guest_seconds_ - last_guest_pass_;
  const double last = written(before, guest_seconds_);
  if (last <= 0) return 0;
  const double seen = written(0, before);
  const double again = 1 - (written(0, guest_seconds_) - seen) / last;
  return std::clamp(again, 0.0, 1.0) * (seen > 0 ? std::min(1.0, sending_.coding.cache / seen) : 0);
}

double Migration::factor() const {
  const Coding& coding = sending_.coding;
  if (progress_.passes == 0) return coding.first;
  const double cached = cached_share();
  const double zeros = guest_.written_zero;
  const double written = (1 - zeros) * (cached * coding.cached + (1 - cached) * coding.later) +
                         zeros * coding.zero_mark / guest_.page;
  if (cold_ <= 0) return written;
  return (unsent_stream(cold_) + hot_ * written) / (hot_ + cold_);
}

/// Of memory that the first pass has yet to send: the end of RAM comes last, and what it shrinks to
/// counts in the mean, too.
double Migration::unsent_stream(double memory) const {
  const Coding& coding = sending_.coding;
  const double before = guest_.data - end_;
  const double in_end = std::min(memory, end_);
  const double stream_before = std::max(0.0, guest_.data * coding.first - end_ * coding.end);
  return in_end * coding.end + (before > 0 ? (memory - in_end) / before * stream_before : 0.0);
}

/// Throttling takes what the guest does not use before it slows the guest down.
double Migration::guest_speed() const {
  return speed_at(guest_, std::min(1 - progress_.throttle, quota_));
}

/// Memory in unique pages that the guest writes from then to then, by its own pace.
double Migration::written(double from, double to) const {
  if (course_.life == nullptr) return course_.growth->bytes_at(to - from);
  return std::min(course_.life->written(from, to) * course_.life_scale, guest_.ram);
}

/// The same with seconds since the pass began.
double Migration::written_in_pass(double from, double to) const {
  if (course_.life == nullptr) return course_.growth->bytes_at(to - from);
  return written(guest_seconds_ + from, guest_seconds_ + to);
}

/// How long before the pass began one must begin for so much to have been written by then.
double Migration::age_of(double bytes) const {
  if (course_.life != nullptr) return course_.life->age(guest_seconds_, bytes / course_.life_scale);
  return course_.growth->seconds_at(bytes);
}

// --- passes ---

void Migration::begin_pass() {
  const double all = hot_ + cold_;
  double f = factor();
  goal_ = goal_of(all);
  const double zeros = progress_.passes == 0 ? guest_.zero_pages : 0;
  const double sent = all - goal_;
  if (progress_.passes == 0 && sent > 0) f = (unsent_stream(all) - unsent_stream(goal_)) / sent;
  const double mark_seconds = sending_.coding.zero_mark / (sending_.rate * course_.speed);
  begin_step(all, sent, sent * f + zeros * sending_.coding.zero_mark,
             sent / pace(f) + zeros * (mark_seconds + course_.zero_page_scan));
  guest_pass_ = guest_synced_ = 0;
}

/// Memory left when a pass over so much ends. At least a window's worth is sent before QEMU looks;
/// until a first one was measured, the threshold is 0.
double Migration::goal_of(double all) const {
  const double per_window = pace(factor()) * sending_.window;
  return std::min(left_at_look(per_window), std::max(0.0, all - per_window));
}

void Migration::amend(double rate, double limit) {
  if (rate > 0) sending_.rate = rate;
  if (limit > 0) sending_.limit = limit;
  if (!begun_ || progress_.stage != Stage::kPasses || memory_rate_ <= 0) return;
  // The rest of the running pass goes on at the new pace, and ends where the new limit lets it.
  const double per_byte = stream_rate_ / memory_rate_;
  memory_rate_ = std::min(sending_.rate * course_.speed / per_byte, sending_.coding.cpu_rate);
  stream_rate_ = memory_rate_ * per_byte;
  goal_ = std::min(goal_of(hot_ + cold_), progress_.left);
  length_ = progress_.step_seconds + (progress_.left - goal_) / memory_rate_;
}

/// Data among the last bytes of RAM. The very last hold data: kernels allocate what they need early
/// from the top, and keep it.
double Migration::data_at_end(double bytes) const {
  if (!guest_.data_by_part.empty()) return data_in_last_parts(bytes);
  constexpr double kKernel = 8 << 20;
  const double top = std::min(bytes, kKernel * course_.data_at_end);
  return top + (bytes - top) * std::min(1.0, guest_.data / guest_.ram);
}

double Migration::data_in_last_parts(double bytes) const {
  const double part = guest_.ram / static_cast<double>(guest_.data_by_part.size());
  double data = 0;
  for (auto share = guest_.data_by_part.rbegin(); share != guest_.data_by_part.rend(); ++share) {
    const double taken = std::min(bytes, part);
    data += taken * *share;
    bytes -= taken;
  }
  return data;
}

void Migration::begin_step(double left, double sent, double stream, double seconds) {
  progress_.left = left;
  progress_.step_seconds = progress_.step_stream = 0;
  length_ = seconds;
  memory_rate_ = seconds > 0 ? sent / seconds : 0;
  stream_rate_ = seconds > 0 ? stream / seconds : 0;
  begun_ = true;
}

/// What is dirty after the first pass. QEMU clears the dirty log of a chunk when it sends the
/// chunk's first page: what was written there before is sent with it, and not again. All pages are
/// dirty at the start of the first pass only, so later ones gain little by this and none is
/// assumed.
double Migration::dirtied_in_first_pass() const {
  const int chunks = std::clamp(static_cast<int>(std::ceil(guest_.ram / kChunk)), 1, kMostChunks);
  double sum = 0;
  for (int i = 0; i < chunks; ++i) {
    sum += written_in_pass(guest_pass_ * i / chunks, guest_pass_);
  }
  return sum / chunks;
}

void Migration::end_pass() {
  if (progress_.passes == 0) {
    progress_.dirtied = dirtied_in_first_pass();
    hot_ = progress_.dirtied;
    cold_ = goal_ * (1 - progress_.dirtied / guest_.ram);
  } else {
    const double sent = hot_ + cold_ - goal_;
    const double cold_sent = std::min(cold_, sent);
    const double unsent = hot_ > 0 ? 1 - (sent - cold_sent) / hot_ : 0;
    // Sent pages are dirty again if written during the pass. Unsent ones stand for all writes since
    // they were last sent: the set they belong to is W(age), a random part of which is left. Exact
    // for pages written independently of each other, whatever their rates.
    const double age = unsent > 0 ? age_of(hot_) : 0;
    progress_.dirtied = written_in_pass(0, guest_pass_);
    cold_ -= cold_sent;
    hot_ = (1 - unsent) * progress_.dirtied;
    if (unsent > 0) hot_ += unsent * written_in_pass(-age, guest_pass_);
  }
  const double unsynced = progress_.dirtied - written_in_pass(0, guest_synced_);
  guest_seconds_ += guest_pass_;
  last_guest_pass_ = guest_pass_;
  ++progress_.passes;
  sync(unsynced);
  progress_.left = hot_ + cold_;
  if (progress_.left < threshold() || progress_.left <= 0) progress_.stage = Stage::kSwitchover;
}

void Migration::elapse(double seconds) {
  progress_.seconds += seconds;
  progress_.stream += seconds * stream_rate_;
  progress_.step_seconds += seconds;
  progress_.step_stream += seconds * stream_rate_;
  progress_.left -= seconds * memory_rate_;
  if (progress_.stage == Stage::kPasses) live(seconds);
}

/// So long the guest runs on the source.
void Migration::live(double seconds) {
  const auto step = [this](double length) {
    guest_pass_ += length * guest_speed();
    progress_.lost += length * (1 - guest_speed());
    period_seconds_ += length;
    period_stream_ += length * stream_rate_;
    since_sync_ += length;
  };
  while (sending_.throttling.on && progress_.passes > 0 && seconds > kSyncEvery - since_sync_) {
    const double length = std::max(0.0, kSyncEvery - since_sync_);
    step(length);
    seconds -= length;
    sync(written_in_pass(0, guest_pass_) - written_in_pass(0, guest_synced_));
    guest_synced_ = guest_pass_;
  }
  step(seconds);
}

void Migration::sync(double dirtied) {
  since_sync_ = 0;
  period_dirtied_ += dirtied;
  if (period_seconds_ < kLeastPeriod) return;
  if (sending_.throttling.on) judge();
  period_seconds_ = period_stream_ = period_dirtied_ = 0;
}

void Migration::judge() {
  const Throttling& t = sending_.throttling;
  if (period_dirtied_ <= t.trigger * period_stream_ || ++high_periods_ < 2) return;
  high_periods_ = 0;
  double& throttle = progress_.throttle;
  throttle = throttle <= 0 ? t.initial : std::min(throttle + t.increment, t.most);
}

// --- from step to step ---

bool Migration::run(double seconds) {
  if (progress_.stage == Stage::kCompleted) return false;
  if (!begun_ && progress_.stage == Stage::kPasses) begin_pass();
  if (!begun_) {  // the switchover: no rate limit, nobody writes
    goal_ = 0;
    const double stream = progress_.left * factor();
    begin_step(progress_.left, progress_.left, stream,
               std::max(stream / (sending_.switch_rate * course_.speed),
                        progress_.left / sending_.coding.cpu_rate));
  }
  const double rest = length_ - progress_.step_seconds;
  elapse(std::min(seconds, rest));
  if (seconds < rest) return false;
  begun_ = false;
  if (progress_.stage == Stage::kPasses) {
    end_pass();
  } else {
    progress_.stage = Stage::kCompleted;
    progress_.left = 0;
  }
  return true;
}

void Migration::start_postcopy() {
  sending_.coding.cache = 0;  // from here on QEMU sends pages whole (ram_save_page)
  double left = progress_.left;
  double stream = left * factor();
  if (begun_ && progress_.passes == 0) {
    // Pages that were sent and written again since; marks for zero pages are spread over the pass.
    const double sent = guest_.data > 0 ? 1 - left / guest_.data : 0;
    const double again = sent * dirtied_in_first_pass();
    stream = (1 - sent) * full_stream(guest_, sending_.coding) + again * factor();
    left += again;
  } else if (begun_) {
    left += (1 - left / (hot_ + cold_)) * written_in_pass(0, guest_pass_);
    stream = left * factor();
  }
  progress_.stage = Stage::kPostcopy;
  goal_ = 0;
  begin_step(left, left, stream, stream / (sending_.postcopy_rate * course_.speed));
}

}  // namespace godwit::twin
