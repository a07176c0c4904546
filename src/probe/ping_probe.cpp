#include "godwit/probe/ping_probe.h"

#include <fmt/format.h>
#include <sys/timerfd.h>

#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "echo_socket.h"
#include "godwit/base/clock.h"
#include "godwit/probe/gaps.h"
#include "peer_socket.h"

namespace godwit::probe {
namespace {

timespec to_timespec(std::int64_t ns) {
  return {static_cast<time_t>(ns / 1'000'000'000), static_cast<long>(ns % 1'000'000'000)};
}

std::int64_t ns_of(TimePoint time) {
  return time.time_since_epoch().count();
}

/// A timer on an absolute schedule: a late round does not shift the next ones.
Result<UniqueFd> make_timer(TimePoint first, Seconds interval) {
  UniqueFd timer(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC));
  if (!timer.valid()) return fail(errno_error("making a timer", errno));
  const auto every = std::chrono::duration_cast<Nanoseconds>(interval).count();
  const itimerspec schedule{to_timespec(every), to_timespec(ns_of(first))};
  if (timerfd_settime(timer.get(), TFD_TIMER_ABSTIME, &schedule, nullptr) != 0) {
    return fail(errno_error("starting a timer", errno));
  }
  return timer;
}

}  // namespace

/// The thread and what it notes. One wake-up per interval does both halves of the work, as the
/// kernel stamps the arrivals: half the cost of waking up for each answer.
class PingProbe::Worker {
 public:
  Worker(EchoSocket socket, UniqueFd timer) : socket_(std::move(socket)), timer_(std::move(timer)) {
    thread_ = std::thread([this] { run(); });
  }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  ~Worker() { finish(Seconds{0}); }

  [[nodiscard]] bool wait_for_first(Seconds patience) {
    std::unique_lock lock(mutex_);
    return first_answer_.wait_for(lock, patience, [this] { return answered_any_; });
  }

  void finish(Seconds linger) {
    linger_ns_ = std::chrono::duration_cast<Nanoseconds>(linger).count();
    stopping_ = true;
    if (thread_.joinable()) thread_.join();
  }

  [[nodiscard]] bool answered_since(std::int64_t wall_us) const {
    return newest_answered_us_ > wall_us;
  }

  /// After finish() only.
  [[nodiscard]] Result<ProbeReport> report() const {
    if (arrivals_.empty()) return fail(ErrorCode::kTimeout, "no ping was ever answered");
    const GapSummary gaps = summarize_gaps(arrivals_, last_asked_);
    ProbeReport report;
    report.sent = asked_ - first_answered_;  // questions from before it could answer don't count
    report.answered = static_cast<std::int64_t>(arrivals_.size());
    report.longest_gap = gaps.longest;
    report.usual_gap = gaps.usual;
    report.longest_gap_start_wall_us =
        (ns_of(gaps.longest_start) + wall_minus_monotonic_ns_) / 1000;
    report.answers.assign(questions_.begin() + first_answered_, questions_.end());
    return report;
  }

 private:
  void run() {
    while (!stopping_) {
      if (!wait_tick()) return;
      collect();
      last_asked_ = clock_.now();
      questions_.push_back({clock_.wall_us(), std::nullopt});
      socket_.ask(asked_++, questions_.back().asked_wall_us);
    }
    const TimePoint give_up = clock_.now() + Seconds(Nanoseconds(linger_ns_));
    while (outstanding() && clock_.now() < give_up && wait_tick()) collect();
  }

  [[nodiscard]] bool wait_tick() {
    std::uint64_t ticks = 0;
    while (read(timer_.get(), &ticks, sizeof ticks) < 0) {
      if (errno != EINTR) return false;
    }
    return true;
  }

  [[nodiscard]] bool outstanding() const {
    return !arrivals_.empty() &&
           static_cast<std::int64_t>(arrivals_.size()) < asked_ - first_answered_;
  }

  void collect() {
    const ClockPair now = read_both(clock_);
    wall_minus_monotonic_ns_ = now.wall_us * 1000 - ns_of(now.monotonic);
    socket_.collect([this](const EchoAnswer& answer) { note(answer); });
  }

  void note(const EchoAnswer& answer) {
    if (answer.number < 0 || answer.number >= asked_) return;
    if (arrivals_.empty()) first_answered_ = answer.number;
    ProbeAnswer& question = questions_[static_cast<std::size_t>(answer.number)];
    if (answer.number < first_answered_ || question.answered_wall_us) return;
    question.answered_wall_us = answer.arrived_wall_ns / 1000;
    TimePoint arrived(Nanoseconds(answer.arrived_wall_ns - wall_minus_monotonic_ns_));
    // two readings of two clocks may disagree by a hair; arrivals are in order
    if (!arrivals_.empty()) arrived = std::max(arrived, arrivals_.back());
    arrivals_.push_back(arrived);
    if (answer.asked_wall_us > newest_answered_us_) newest_answered_us_ = answer.asked_wall_us;
    if (arrivals_.size() == 1) {
      const std::lock_guard lock(mutex_);
      answered_any_ = true;
      first_answer_.notify_all();
    }
  }

  RealClock clock_;
  EchoSocket socket_;
  UniqueFd timer_;
  std::int64_t asked_ = 0;
  std::int64_t first_answered_ = 0;
  TimePoint last_asked_{};
  std::int64_t wall_minus_monotonic_ns_ = 0;
  std::vector<ProbeAnswer> questions_;
  std::vector<TimePoint> arrivals_;
  std::atomic<std::int64_t> newest_answered_us_{0};
  std::atomic<std::int64_t> linger_ns_{0};
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;
  std::condition_variable first_answer_;
  bool answered_any_ = false;
  std::thread thread_;  // last: everything above exists before it runs
};

PingProbe::PingProbe(PingOptions options) : options_(std::move(options)) {}
PingProbe::~PingProbe() = default;

Result<void> PingProbe::start(Seconds patience) {
  if (worker_) return fail(ErrorCode::kBadInput, "this probe was started before");
  if (!(options_.interval > Seconds{0})) {
    return fail(ErrorCode::kBadInput, "the time between two pings must be above zero");
  }
  GODWIT_TRY(EchoSocket socket, EchoSocket::open(options_.target, options_.netns));
  const RealClock clock;
  GODWIT_TRY(UniqueFd timer, make_timer(clock.now() + options_.interval, options_.interval));
  worker_ = std::make_unique<Worker>(std::move(socket), std::move(timer));
  if (worker_->wait_for_first(patience)) return {};
  worker_.reset();
  return fail(ErrorCode::kTimeout,
              fmt::format("{} answered no ping within {:.1f} s", options_.target, patience.count()),
              "check that the guest has booted and has this address");
}

Result<ProbeReport> PingProbe::stop(Seconds linger) {
  if (!worker_) return fail(ErrorCode::kBadInput, "this probe is not running");
  worker_->finish(linger);
  return worker_->report();
}

bool PingProbe::answered_since(std::int64_t since_wall_us) const {
  return worker_ && worker_->answered_since(since_wall_us);
}

}  // namespace godwit::probe
