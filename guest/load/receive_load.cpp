#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <string>
#include <system_error>

#include "fd.h"
#include "godwit/guest/message.h"
#include "load.h"
#include "socket.h"
#include "stream_server.h"

namespace godwit::guest {
namespace {

constexpr std::size_t kMostSenders = 64;

class Tally {
 public:
  explicit Tally(Counters& counters) : counters_(counters) { publish(); }

  void take(const MessageHeader& header) {
    const std::int64_t before = count_.received();
    count_.take(header.stream, header.sequence);
    add(counters_.work, count_.received() - before);
    publish();
  }

 private:
  void publish() {
    counters_.lost.store(count_.lost(), std::memory_order_relaxed);
    counters_.out_of_order.store(count_.out_of_order(), std::memory_order_relaxed);
  }

  Counters& counters_;
  SequenceCount count_;
};

class MessageSession final : public Session {
 public:
  explicit MessageSession(Tally& tally) : tally_(tally) {}

  bool take(std::string& input, std::string&) override {
    std::size_t used = 0;
    bool good = true;
    while (input.size() - used >= static_cast<std::size_t>(kMessageHeaderBytes)) {
      const auto header = read_header(std::string_view(input).substr(used));
      good = header.has_value();  // else nobody knows where the next one begins
      if (!good || input.size() - used < header->length) break;
      tally_.take(*header);
      used += header->length;
    }
    input.erase(0, used);
    return good;
  }

 private:
  Tally& tally_;
};

class TcpReceiver final : public Load {
 public:
  TcpReceiver(const LoadSpec& spec, const LoadContext& context)
      : tally_(context.counters), server_(spec.port, kMostSenders, [this] {
          return std::make_unique<MessageSession>(tally_);
        }) {}

  void run(const Until& until) override { server_.run(until); }

 private:
  Tally tally_;
  StreamServer server_;
};

class UdpReceiver final : public Load {
 public:
  UdpReceiver(const LoadSpec& spec, const LoadContext& context)
      : tally_(context.counters), fd_(bind_udp(spec.port)) {}

  void run(const Until& until) override {
    std::array<pollfd, 2> fds{pollfd{fd_.get(), POLLIN, 0}};
    while (!until.reached()) {
      if (until.wait(fds)) take_all(until);
    }
  }

 private:
  void take_all(const Until& until) {
    std::array<char, 1 << 16> buffer;
    while (!until.reached()) {
      const ssize_t got = recv(fd_.get(), buffer.data(), buffer.size(), 0);
      if (got < 0) {
        if (errno == EAGAIN || errno == EINTR) return;
        throw std::system_error(errno, std::generic_category(), "udp-receive");
      }
      const auto header = read_header({buffer.data(), static_cast<std::size_t>(got)});
      if (header) tally_.take(*header);
    }
  }

  Tally tally_;
  Fd fd_;
};

}  // namespace

std::unique_ptr<Load> make_receiver(const LoadSpec& spec, const LoadContext& context) {
  if (spec.kind == LoadKind::kTcpReceive) return std::make_unique<TcpReceiver>(spec, context);
  return std::make_unique<UdpReceiver>(spec, context);
}

}  // namespace godwit::guest
