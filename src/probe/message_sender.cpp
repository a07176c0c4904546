#include "godwit/probe/message_sender.h"

#include <fmt/format.h>
#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <span>
#include <thread>
#include <utility>

#include "godwit/base/clock.h"
#include "godwit/guest/message.h"
#include "godwit/probe/gaps.h"
#include "peer_socket.h"

namespace godwit::probe {
namespace {

constexpr Seconds kSlice{0.01};
constexpr Seconds kCatchUp{0.1};

std::uint64_t new_stream() {
  std::uint64_t stream = 1;
  (void)!getrandom(&stream, sizeof stream, 0);
  return stream;
}

}  // namespace

class MessageSender::Worker {
 public:
  Worker(const MessageSenderOptions& options, UniqueFd socket, Waker waker)
      : options_(options),
        waker_(std::move(waker)),
        socket_(std::move(socket)),
        message_(static_cast<std::size_t>(options.message_bytes), '\0'),
        sent_(message_.size()),
        thread_([this] { run(); }) {}
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  ~Worker() { finish(Seconds{0}); }

  void finish(Seconds linger) {
    if (!thread_.joinable()) return;
    linger_ms_ = static_cast<std::int64_t>(linger.count() * 1e3);
    stopping_ = true;
    waker_.wake();
    thread_.join();
  }

  /// After finish() only.
  [[nodiscard]] SenderReport report(std::int64_t since_wall_us) const {
    SenderReport report;
    report.sent = static_cast<std::int64_t>(sequence_);
    report.trouble = trouble_;
    if (const auto gaps = acknowledged_.summary(monotonic(since_wall_us * 1000, clock_), end_)) {
      report.longest_gap = gaps->longest;
      report.usual_gap = gaps->usual;
    }
    return report;
  }

 private:
  void run() {
    TimePoint tick = clock_.now();
    TimePoint paid = tick;  // all that fell due until then was sent
    const Seconds each{static_cast<double>(options_.message_bytes) / options_.rate.value()};
    while (!stopping_ && trouble_.empty()) {
      for (; paid <= tick && send_message(); paid = paid + each) {
      }
      look_for_acknowledgement();
      tick = tick + kSlice;
      rest_until(tick);
      tick = std::max(tick, clock_.now());
      paid = std::max(paid, tick + kCatchUp * -1.0);
    }
    hand_over();
    end_ = clock_.now();
  }

  /// False when it can't leave just now. Of a TCP message the rest goes first, the next time.
  bool send_message() {
    if (options_.transport == Transport::kUdp || sent_ == message_.size()) number_message();
    while (sent_ < message_.size()) {
      const ssize_t sent = send(socket_.get(), message_.data() + sent_, message_.size() - sent_,
                                MSG_NOSIGNAL | MSG_DONTWAIT);
      if (options_.transport == Transport::kUdp) {
        sent_ = message_.size();
        return true;  // an error too: that one is lost
      }
      if (sent < 0 && errno != EAGAIN && errno != EINTR) trouble_ = std::strerror(errno);
      if (sent < 0) return false;
      sent_ += static_cast<std::size_t>(sent);
      bytes_ += sent;
    }
    return true;
  }

  void number_message() {
    const auto ns = static_cast<std::uint64_t>(clock_.now().time_since_epoch().count());
    guest::write_header(
        {static_cast<std::uint32_t>(message_.size()), sequence_++, ns, stream_},
        std::span<char>(message_).first<static_cast<std::size_t>(guest::kMessageHeaderBytes)>());
    sent_ = 0;
  }

  /// Bytes that the kernel holds until the peer acknowledges them.
  [[nodiscard]] std::int64_t held() const {
    int bytes = 0;
    return ioctl(socket_.get(), SIOCOUTQ, &bytes) == 0 ? bytes : 0;
  }

  void look_for_acknowledgement() {
    if (options_.transport == Transport::kUdp) return;
    const std::int64_t done = bytes_ - held();
    if (done > done_) acknowledged_.arrive(clock_.now());
    done_ = std::max(done_, done);
  }

  /// An outage that goes on is not cut short: its gap ends with an acknowledgement.
  void hand_over() {
    const TimePoint give_up = clock_.now() + Seconds(1e-3 * static_cast<double>(linger_ms_));
    const bool tcp = options_.transport == Transport::kTcp;
    look_for_acknowledgement();
    while (tcp && trouble_.empty() && held() > 0 && clock_.now() < give_up) {
      await({}, clock_.now() + kSlice, clock_);
      look_for_acknowledgement();
    }
  }

  void rest_until(TimePoint tick) {
    std::array<Awaited, 1> what{Awaited{waker_.fd(), POLLIN}};
    await(what, tick, clock_);
  }

  RealClock clock_;
  MessageSenderOptions options_;
  Waker waker_;
  UniqueFd socket_;
  std::string message_;
  std::size_t sent_;  ///< of the current message
  std::uint64_t stream_ = new_stream();
  std::uint64_t sequence_ = 0;
  std::int64_t bytes_ = 0;  ///< that the kernel took
  std::int64_t done_ = 0;   ///< … and the peer acknowledged
  GapMeter acknowledged_;
  TimePoint end_{};
  std::string trouble_;
  std::atomic<std::int64_t> linger_ms_{0};
  std::atomic<bool> stopping_{false};
  std::thread thread_;  // last: everything above exists before it runs
};

MessageSender::MessageSender(MessageSenderOptions options) : options_(std::move(options)) {}
MessageSender::~MessageSender() = default;

Result<void> MessageSender::start(Seconds patience) {
  if (worker_) return fail(ErrorCode::kBadInput, "this sender was started before");
  if (options_.message_bytes < guest::kMessageHeaderBytes ||
      options_.message_bytes > guest::kMostMessageBytes || !(options_.rate.value() > 0)) {
    return fail(ErrorCode::kBadInput, "a message has 32 to 65507 bytes, and a rate above zero");
  }
  GODWIT_TRY(UniqueFd socket,
             begin_connecting(options_.transport, options_.target, options_.port, options_.netns));
  if (options_.transport == Transport::kTcp) {
    const RealClock clock;
    std::array<Awaited, 1> what{Awaited{socket.get(), POLLOUT}};
    await(what, clock.now() + patience, clock);
    const int error = what[0].ready ? connect_result(socket) : ETIMEDOUT;
    if (error != 0) {
      return fail(error == ETIMEDOUT ? ErrorCode::kTimeout : ErrorCode::kPeerGone,
                  fmt::format("connecting to {}:{}: {}", options_.target, options_.port,
                              std::strerror(error)),
                  "check that the guest's load receives on that port");
    }
  }
  GODWIT_TRY(Waker waker, Waker::make());
  worker_ = std::make_unique<Worker>(options_, std::move(socket), std::move(waker));
  return {};
}

Result<SenderReport> MessageSender::stop(Seconds linger, std::int64_t since_wall_us) {
  if (!worker_) return fail(ErrorCode::kBadInput, "this sender is not running");
  worker_->finish(linger);
  return worker_->report(since_wall_us);
}

}  // namespace godwit::probe
