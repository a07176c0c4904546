#include "godwit/probe/http_probe.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <thread>
#include <utility>

#include "godwit/base/clock.h"
#include "http_answer.h"
#include "peer_socket.h"

namespace godwit::probe {
namespace {

constexpr std::size_t kMostSamples = 360'000;
/// Between two attempts to connect: a peer that refuses is not flooded.
constexpr Seconds kReconnect{0.05};

std::int64_t us_of(Seconds time) {
  return std::chrono::duration_cast<std::chrono::microseconds>(time).count();
}

}  // namespace

/// The thread and what it notes. Requests are answered in the order in which they fall due, so the
/// oldest that is open is the one that is worked on.
class HttpProbe::Worker {
 public:
  Worker(const HttpProbeOptions& options, UniqueFd connecting, Waker waker)
      : options_(options),
        request_(
            fmt::format("GET / HTTP/1.1\r\nHost: {}:{}\r\n\r\n", options.target, options.port)),
        waker_(std::move(waker)),
        began_(read_both(clock_)),
        socket_(std::move(connecting)),
        thread_([this] { run(); }) {}
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  ~Worker() { finish(Seconds{0}); }

  Result<void> wait_for_first(Seconds patience) {
    std::unique_lock lock(mutex_);
    if (first_answer_.wait_for(lock, patience, [this] { return answered_any_; })) return {};
    return fail(
        ErrorCode::kTimeout,
        fmt::format("{}:{} served no page within {:.1f} s{}", options_.target, options_.port,
                    patience.count(), trouble_.empty() ? "" : "; " + trouble_),
        "check that the guest's load is http, on that port");
  }

  void finish(Seconds linger) {
    if (!thread_.joinable()) return;
    linger_us_ = us_of(linger);
    stopping_ = true;
    waker_.wake();
    thread_.join();
  }

  /// After finish() only.
  [[nodiscard]] HttpReport report() {
    const auto answered = [](const HttpSample& sample) { return sample.latency.has_value(); };
    const auto first = std::find_if(samples_.begin(), samples_.end(), answered);
    return {std::vector<HttpSample>(first, samples_.end()), trouble_};
  }

 private:
  enum class Link { kNone, kConnecting, kIdle, kAsking };

  void run() {
    while (!stopping_ && samples_.size() < kMostSamples) {
      wait(next_step(), true);
      step();
    }
    last_due_ = clock_.now();
    const TimePoint give_up = last_due_ + Seconds(1e-6 * static_cast<double>(linger_us_));
    while (due() <= last_due_ && clock_.now() < give_up) {
      wait(std::min(next_step(), give_up), false);
      step();
    }
    while (due() <= last_due_ && samples_.size() < kMostSamples)
      fail_request("no answer until the end");
  }

  void step() {
    if (what_[1].ready) handle_socket();
    while (clock_.now() >= due() + options_.timeout) {
      if (link_ != Link::kIdle) disconnect();
      fail_request(fmt::format("no answer within {:.1f} s", options_.timeout.count()));
    }
    if (link_ == Link::kNone && clock_.now() >= reconnect_at_) reconnect();
    if (link_ == Link::kIdle && due() <= std::min(clock_.now(), last_due_)) ask();
  }

  /// When the request that is worked on is due.
  [[nodiscard]] TimePoint due() const {
    return began_.monotonic + options_.interval * static_cast<double>(samples_.size());
  }

  [[nodiscard]] TimePoint next_step() const {
    const TimePoint expires = due() + options_.timeout;
    if (link_ == Link::kNone) return std::min(reconnect_at_, expires);
    return link_ == Link::kIdle ? std::min(due(), expires) : expires;
  }

  void wait(TimePoint until, bool wakeable) {
    const bool writes = link_ == Link::kConnecting || unsent_ > 0;
    what_ = {Awaited{wakeable ? waker_.fd() : -1, POLLIN},
             Awaited{socket_.get(), static_cast<short>(writes ? POLLIN | POLLOUT : POLLIN)}};
    await(what_, until, clock_);
  }

  void handle_socket() {
    if (link_ == Link::kConnecting) {
      const int error = connect_result(socket_);
      if (error == 0) {
        link_ = Link::kIdle;
      } else {
        disconnect();
        note(fmt::format("connecting: {}", std::strerror(error)));
      }
      return;
    }
    if (unsent_ > 0) send_rest();
    const Received got = receive(socket_, buffer_);
    if (got.kind == Received::Kind::kData) take(got);
    if (got.kind == Received::Kind::kEnd) cut_off(got.error);
  }

  void take(const Received& got) {
    if (link_ != Link::kAsking) {  // an answer to nothing
      disconnect();
      return note("it spoke without being asked");
    }
    switch (answer_.feed({buffer_.data(), got.size})) {
      case HttpAnswer::State::kUnfinished:
        return;
      case HttpAnswer::State::kDone:
        answered(monotonic(got.wall_ns, clock_));
        link_ = Link::kIdle;
        if (!answer_.keeps_alive()) disconnect();
        return;
      case HttpAnswer::State::kBroken:
        disconnect();
        return fail_request(answer_.why());
    }
  }

  void cut_off(int error) {
    const bool asking = link_ == Link::kAsking;
    disconnect();
    if (asking) fail_request(error != 0 ? std::strerror(error) : "it hung up without an answer");
  }

  void ask() {
    link_ = Link::kAsking;
    answer_ = HttpAnswer();
    unsent_ = request_.size();
    send_rest();
  }
  void send_rest() {
    const ssize_t sent = send(socket_.get(), request_.data() + request_.size() - unsent_, unsent_,
                              MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent > 0) unsent_ -= static_cast<std::size_t>(sent);  // an error shows when reading
  }

  void reconnect() {
    reconnect_at_ = clock_.now() + kReconnect;
    auto begun = begin_connecting(Transport::kTcp, options_.target, options_.port, options_.netns);
    if (!begun) return note(begun.error().message);
    socket_ = std::move(*begun);
    link_ = Link::kConnecting;
  }
  void disconnect() {
    socket_.reset();
    unsent_ = 0;
    link_ = Link::kNone;
  }

  [[nodiscard]] std::int64_t due_wall_us() const {
    return began_.wall_us + us_of(due() - began_.monotonic);
  }
  void answered(TimePoint at) {
    samples_.push_back({due_wall_us(), std::max(Seconds{0}, at - due())});
    const std::lock_guard lock(mutex_);
    answered_any_ = true;
    first_answer_.notify_all();
  }
  void fail_request(std::string why) {
    samples_.push_back({due_wall_us(), std::nullopt});
    note(std::move(why));
  }
  void note(std::string why) {
    const std::lock_guard lock(mutex_);
    trouble_ = std::move(why);
  }

  RealClock clock_;
  HttpProbeOptions options_;
  std::string request_;
  Waker waker_;
  ClockPair began_;  ///< when the first request was due
  std::atomic<std::int64_t> linger_us_{0};
  std::atomic<bool> stopping_{false};
  Link link_ = Link::kConnecting;  ///< this and what follows are the thread's own
  UniqueFd socket_;
  TimePoint reconnect_at_{};
  TimePoint last_due_ = TimePoint::max();  ///< what falls due later is not asked any more
  std::size_t unsent_ = 0;                 ///< of the request
  HttpAnswer answer_;
  std::array<Awaited, 2> what_{};
  std::array<char, 1 << 16> buffer_{};
  std::vector<HttpSample> samples_;
  std::mutex mutex_;  ///< guards the rest
  std::condition_variable first_answer_;
  bool answered_any_ = false;
  std::string trouble_;
  std::thread thread_;  // last: everything above exists before it runs
};

HttpProbe::HttpProbe(HttpProbeOptions options) : options_(std::move(options)) {}
HttpProbe::~HttpProbe() = default;

Result<void> HttpProbe::start(Seconds patience) {
  if (worker_) return fail(ErrorCode::kBadInput, "this probe was started before");
  if (!(options_.interval > Seconds{0}) || !(options_.timeout > Seconds{0})) {
    return fail(ErrorCode::kBadInput, "a probe's interval and timeout must be above zero");
  }
  GODWIT_TRY(Waker waker, Waker::make());
  GODWIT_TRY(UniqueFd connecting,
             begin_connecting(Transport::kTcp, options_.target, options_.port, options_.netns));
  worker_ = std::make_unique<Worker>(options_, std::move(connecting), std::move(waker));
  auto first = worker_->wait_for_first(patience);
  if (!first) worker_.reset();
  return first;
}

Result<HttpReport> HttpProbe::stop(Seconds linger) {
  if (!worker_) return fail(ErrorCode::kBadInput, "this probe is not running");
  worker_->finish(linger);
  return worker_->report();
}

}  // namespace godwit::probe
