#include "flow.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <vector>

namespace godwit::relay {
namespace {

constexpr Bytes kPipe = 256_KiB;
/// What a delayed flow holds at most: 160 MB/s at a delay of 100 ms.
constexpr Bytes kMostDelayed = 16_MiB;
constexpr std::size_t kPiece = std::size_t{64} << 10;

std::size_t size_of(Bytes bytes) {
  return static_cast<std::size_t>(bytes.count());
}

class SplicedFlow final : public Flow {
 public:
  SplicedFlow(Endpoint& from, Endpoint& to, UniqueFd out, UniqueFd in)
      : Flow(from, to), out_(std::move(out)), in_(std::move(in)) {}

  [[nodiscard]] bool ready() const override {
    return end() == End::kNone && to_.writable && (held_ > Bytes(0) || from_.readable);
  }
  Bytes turn(Bytes most, TimePoint /*now*/) override {
    if (held_ == Bytes(0) && !has_sender_ended()) take_in(most);
    const Bytes before = given();
    if (held_ > Bytes(0)) give_out(most);
    if (held_ == Bytes(0) && has_sender_ended()) pass_end_on();
    return given() - before;
  }
  void deliver(TimePoint /*now*/) override {}
  [[nodiscard]] std::optional<TimePoint> next_due() const override { return std::nullopt; }
  [[nodiscard]] Bytes held() const override { return held_; }

 private:
  static ssize_t move(const UniqueFd& from, const UniqueFd& to, Bytes most) {
    return ::splice(from.get(), nullptr, to.get(), nullptr, size_of(most),
                    SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
  }
  /// The pipe is empty, so it is the sender that blocks.
  void take_in(Bytes most) {
    const ssize_t got = move(from_.fd, in_, most);
    if (got > 0) {
      held_ = Bytes(got);
    } else if (got == 0) {
      sender_ended(0);
    } else if (would_block(errno)) {
      from_.readable = false;
    } else {
      sender_ended(errno);
    }
  }
  void give_out(Bytes most) {
    const ssize_t put = move(out_, to_.fd, std::min(most, held_));
    if (put > 0) {
      held_ -= Bytes(put);
      give(Bytes(put));
    } else if (put == 0 || would_block(errno)) {
      to_.writable = false;
    } else {
      receiver_broke(errno);
    }
  }

  UniqueFd out_;  ///< the pipe's ends
  UniqueFd in_;
  Bytes held_{};
};

class DelayedFlow final : public Flow {
 public:
  DelayedFlow(Endpoint& from, Endpoint& to, Seconds delay)
      : Flow(from, to), line_(delay, kMostDelayed) {}

  [[nodiscard]] bool ready() const override {
    return end() == End::kNone && !has_sender_ended() && from_.readable && line_.room() > Bytes(0);
  }
  Bytes turn(Bytes most, TimePoint now) override {
    std::array<std::byte, kPiece> piece;  // NOLINT(*-member-init): recv fills it
    const std::size_t size = std::min({size_of(most), size_of(line_.room()), piece.size()});
    const ssize_t got = ::recv(from_.fd.get(), piece.data(), size, 0);
    if (got > 0) {
      line_.push(std::span(piece).first(static_cast<std::size_t>(got)), now);
      return Bytes(got);
    }
    if (got < 0 && would_block(errno)) {
      from_.readable = false;
    } else {
      sender_ended(got == 0 ? 0 : errno);
      line_.end(now);
    }
    return Bytes(0);
  }
  void deliver(TimePoint now) override {
    if (end() != End::kNone) return;
    for (auto due = line_.due(now); to_.writable && !due.empty(); due = line_.due(now)) {
      const ssize_t put = ::send(to_.fd.get(), due.data(), due.size(), MSG_NOSIGNAL);
      if (put > 0) {
        line_.pop(static_cast<std::size_t>(put));
        give(Bytes(put));
      } else if (would_block(errno)) {
        to_.writable = false;
      } else {
        return receiver_broke(errno);
      }
    }
    if (line_.ended(now)) pass_end_on();
  }
  [[nodiscard]] std::optional<TimePoint> next_due() const override {
    if (end() != End::kNone || (!to_.writable && line_.held() > Bytes(0))) return std::nullopt;
    return line_.next_due();
  }
  [[nodiscard]] Bytes held() const override { return line_.held(); }

 private:
  DelayLine line_;
};

}  // namespace

void Flow::sender_ended(int error) {
  sender_ended_ = true;
  error_ = error;
}

void Flow::receiver_broke(int error) {
  error_ = error;
  end_ = End::kBroken;
}

void Flow::pass_end_on() {
  if (end_ != End::kNone) return;
  end_ = error_ == 0 ? End::kClosed : End::kAborted;
  if (end_ == End::kClosed) (void)::shutdown(to_.fd.get(), SHUT_WR);
}

bool Flow::would_block(int error) {
  return error == EAGAIN || error == EWOULDBLOCK;
}

Result<std::unique_ptr<Flow>> make_spliced_flow(Endpoint& from, Endpoint& to) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) {
    return fail(errno_error("making a pipe", errno));
  }
  UniqueFd out(ends[0]);
  UniqueFd in(ends[1]);
  // the smaller one that it has serves, too, where a user may have no more
  (void)::fcntl(in.get(), F_SETPIPE_SZ, static_cast<int>(kPipe.count()));
  return std::unique_ptr<Flow>(
      std::make_unique<SplicedFlow>(from, to, std::move(out), std::move(in)));
}

std::unique_ptr<Flow> make_delayed_flow(Endpoint& from, Endpoint& to, Seconds delay) {
  return std::make_unique<DelayedFlow>(from, to, delay);
}

}  // namespace godwit::relay
