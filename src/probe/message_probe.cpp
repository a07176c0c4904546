#include "godwit/probe/message_probe.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <thread>
#include <utility>

#include "godwit/base/clock.h"
#include "godwit/probe/gaps.h"
#include "message_stream.h"
#include "peer_socket.h"

namespace godwit::probe {
namespace {

/// After a connection that could not be taken: the reason (no file to be had) lasts.
constexpr Seconds kRest{0.05};

std::string end_of(const Received& received) {
  return fmt::format("the connection ended{}{}", received.error != 0 ? ": " : "",
                     received.error != 0 ? std::strerror(received.error) : "");
}

/// What was counted since start().
struct Tally {
  guest::SequenceCount numbers;
  GapMeter gaps;
  std::string trouble;
};

}  // namespace

class MessageProbe::Worker {
 public:
  Worker(UniqueFd socket, Transport transport, int port, Waker waker)
      : socket_(std::move(socket)),
        transport_(transport),
        port_(port),
        waker_(std::move(waker)),
        thread_([this] { run(); }) {}
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  ~Worker() {
    stopping_ = true;
    waker_.wake();
    thread_.join();
  }

  [[nodiscard]] int port() const { return port_; }

  Result<void> start(Seconds patience) {
    std::unique_lock lock(mutex_);
    tally_ = Tally{};
    if (arrived_.wait_for(lock, patience, [this] { return tally_.gaps.any(); })) return {};
    return silence(fmt::format("within {:.1f} s", patience.count()));
  }

  Result<MessageReport> stop(Seconds linger, std::int64_t since_wall_us) {
    std::unique_lock lock(mutex_);
    if (!tally_.gaps.any()) return silence("while it was measured");
    const TimePoint asked = clock_.now();
    (void)arrived_.wait_for(lock, linger, [this, asked] { return newest_ > asked; });
    const GapSummary gaps =
        *tally_.gaps.summary(monotonic(since_wall_us * 1000, clock_), clock_.now());
    MessageReport report;
    report.received = tally_.numbers.received();
    report.lost = tally_.numbers.lost();
    report.out_of_order = tally_.numbers.out_of_order();
    report.longest_gap = gaps.longest;
    report.usual_gap = gaps.usual;
    report.trouble = tally_.trouble;
    return report;
  }

 private:
  [[nodiscard]] tl::unexpected<Error> silence(const std::string& when) const {
    const std::string why = broken_.empty() ? "" : "; " + broken_;
    return fail(ErrorCode::kTimeout,
                fmt::format("no message came to port {} of the client {}{}", port_, when, why),
                "check that the guest's load sends to that port");
  }

  void run() {
    while (!stopping_) {
      std::array<Awaited, 3> what{Awaited{waker_.fd(), POLLIN}, Awaited{socket_.get(), POLLIN},
                                  Awaited{peer_.get(), POLLIN}};
      await(what, std::nullopt, clock_);
      if (what[2].ready) {
        take(receive(peer_, buffer_));
      } else if (what[1].ready && transport_ == Transport::kUdp) {
        take(receive(socket_, buffer_));
      } else if (what[1].ready) {
        take_connection();
      }
    }
  }

  /// In place of one that may never end: a guest that was switched off says no more.
  void take_connection() {
    UniqueFd next(accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!next.valid()) {
      std::array<Awaited, 1> woken{Awaited{waker_.fd(), POLLIN}};
      await(woken, clock_.now() + kRest, clock_);
      return;
    }
    const std::lock_guard lock(mutex_);
    if (peer_.valid()) hang_up("the guest connected anew");
    peer_ = std::move(next);
    stream_ = MessageStream();
  }

  /// One read, then stopping is looked for again: a peer that never stops sending is no reason not
  /// to stop.
  void take(const Received& received) {
    const std::lock_guard lock(mutex_);
    if (received.kind == Received::Kind::kData) {
      const std::string_view bytes(buffer_.data(), received.size);
      arrival_ = monotonic(received.wall_ns, clock_);
      if (transport_ == Transport::kUdp) {
        if (const auto header = guest::read_header(bytes)) note(*header);
      } else if (!stream_.feed(bytes, [this](const auto& header) { note(header); })) {
        hang_up("what came was no message of a guest's load");
      }
    } else if (received.kind == Received::Kind::kEnd && transport_ == Transport::kTcp) {
      hang_up(end_of(received));
    }
  }

  void note(const guest::MessageHeader& header) {
    tally_.numbers.take(header.stream, header.sequence);
    tally_.gaps.arrive(arrival_);
    newest_ = arrival_;
    broken_.clear();
    arrived_.notify_all();
  }

  void hang_up(std::string why) {
    peer_.reset();
    broken_ = why;
    if (tally_.trouble.empty()) tally_.trouble = std::move(why);
  }

  RealClock clock_;
  UniqueFd socket_;  ///< listens (TCP) or receives (UDP)
  Transport transport_;
  int port_;
  Waker waker_;
  std::atomic<bool> stopping_{false};
  UniqueFd peer_;  ///< this and the next three are the thread's own
  MessageStream stream_;
  std::array<char, 1 << 16> buffer_{};
  TimePoint arrival_{};
  std::mutex mutex_;  ///< guards the rest
  std::condition_variable arrived_;
  Tally tally_;
  TimePoint newest_{};
  std::string broken_;  ///< the newest trouble, until a message comes again
  std::thread thread_;  // last: everything above exists before it runs
};

Result<std::unique_ptr<MessageProbe>> MessageProbe::listen(const MessageProbeOptions& options) {
  GODWIT_TRY(UniqueFd socket, listen_on(options.transport, options.port, options.netns));
  GODWIT_TRY(const int port, port_of(socket));
  GODWIT_TRY(Waker waker, Waker::make());
  auto worker =
      std::make_unique<Worker>(std::move(socket), options.transport, port, std::move(waker));
  return std::unique_ptr<MessageProbe>(new MessageProbe(std::move(worker)));
}

MessageProbe::MessageProbe(std::unique_ptr<Worker> worker) : worker_(std::move(worker)) {}
MessageProbe::~MessageProbe() = default;

int MessageProbe::port() const {
  return worker_->port();
}
Result<void> MessageProbe::start(Seconds patience) {
  return worker_->start(patience);
}
Result<MessageReport> MessageProbe::stop(Seconds linger, std::int64_t since_wall_us) {
  return worker_->stop(linger, since_wall_us);
}

}  // namespace godwit::probe
