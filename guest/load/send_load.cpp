#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <string>
#include <system_error>

#include "fd.h"
#include "godwit/guest/message.h"
#include "godwit/guest/random.h"
#include "load.h"
#include "socket.h"

namespace godwit::guest {
namespace {

// TCP: one connection, made once and never again: that it lives through a migration is what is
// looked for. UDP: a message that cannot leave is lost, and its number with it.
class Sender final : public Load {
 public:
  Sender(const LoadSpec& spec, const LoadContext& context)
      : spec_(spec),
        counters_(context.counters),
        fd_(spec.kind == LoadKind::kTcpSend ? connect_tcp(spec.peer_ip, spec.port)
                                            : connect_udp(spec.peer_ip, spec.port)),
        message_(static_cast<std::size_t>(spec.message_bytes), '\0'),
        stream_(static_cast<std::uint64_t>(now_ns())) {
    // Filler that no compressor shrinks: what is sent is what travels.
    Random random(context.seed);
    for (char& c : message_) c = static_cast<char>(random.next() & 0xff);
  }

  void run(const Until& until) override {
    run_at_rate(spec_, spec_.message_bytes, 1, until, [this, &until](std::int64_t) {
      if (spec_.kind == LoadKind::kTcpSend) {
        send_stream(until);
      } else {
        send_datagram(until);
      }
    });
  }

 private:
  void number_message() {
    const std::span<char> bytes(message_);
    write_header({static_cast<std::uint32_t>(spec_.message_bytes), sequence_++,
                  static_cast<std::uint64_t>(now_ns()), stream_},
                 bytes.first<kMessageHeaderBytes>());
  }

  // A message that is cut by the end of a phase goes on in the next one.
  void send_stream(const Until& until) {
    if (sent_ == 0) number_message();
    while (sent_ < message_.size()) {
      const ssize_t sent =
          send(fd_.get(), message_.data() + sent_, message_.size() - sent_, MSG_NOSIGNAL);
      if (sent > 0) {
        sent_ += static_cast<std::size_t>(sent);
      } else if (errno == EAGAIN) {
        if (!wait_writable(until)) return;
      } else if (errno != EINTR) {
        throw std::system_error(errno, std::generic_category(), "tcp-send");
      }
    }
    sent_ = 0;
    add(counters_.work, 1);
  }

  void send_datagram(const Until& until) {
    number_message();
    while (send(fd_.get(), message_.data(), message_.size(), MSG_NOSIGNAL) < 0) {
      if (errno == EAGAIN) {
        if (!wait_writable(until)) return;
      } else if (errno != EINTR) {
        // Nobody listens, or no way there just now. Not as a busy loop, though.
        until_next_slice();
        return;
      }
    }
    add(counters_.work, 1);
  }

  static void until_next_slice() { Beat(kSliceNs).wait_next(); }

  [[nodiscard]] bool wait_writable(const Until& until) const {
    std::array<pollfd, 2> fds{pollfd{fd_.get(), POLLOUT, 0}};
    return until.wait(fds);
  }

  LoadSpec spec_;
  Counters& counters_;
  Fd fd_;
  std::string message_;
  std::uint64_t stream_;
  std::uint64_t sequence_ = 0;
  std::size_t sent_ = 0;
};

}  // namespace

std::unique_ptr<Load> make_sender(const LoadSpec& spec, const LoadContext& context) {
  return std::make_unique<Sender>(spec, context);
}

}  // namespace godwit::guest
