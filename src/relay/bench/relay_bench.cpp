// What the relay costs: the same bytes over TCP on this host directly, and through the relay, by
// one connection and by several. Ratios count; the sender and the receiver use the same processors.

#include <arpa/inet.h>
#include <benchmark/benchmark.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "godwit/base/unique_fd.h"
#include "godwit/relay/relay.h"

namespace godwit::relay {
namespace {

constexpr std::int64_t kBytes = 512LL << 20;
constexpr std::size_t kWrite = 128 << 10;  // 32 pages, as QEMU sends them
constexpr std::size_t kRead = 32 << 10;    // QEMU's own buffer

double cpu_s(clockid_t of) {
  timespec time{};
  ::clock_gettime(of, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

sockaddr_in loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  return address;
}

void must(bool well, const char* what) {
  if (well) return;
  std::perror(what);
  std::abort();
}

struct Listener {
  Listener() : fd(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address = loopback(0);
    socklen_t size = sizeof address;
    auto* const any = reinterpret_cast<sockaddr*>(&address);
    must(::bind(fd.get(), any, size) == 0 && ::listen(fd.get(), 64) == 0 &&
             ::getsockname(fd.get(), any, &size) == 0,
         "listen");
    port = ntohs(address.sin_port);
  }
  UniqueFd fd;
  int port = 0;
};

UniqueFd connect_directly(int port) {
  UniqueFd socket(::socket(AF_INET, SOCK_STREAM, 0));
  const sockaddr_in address = loopback(port);
  must(::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0,
       "connect");
  return socket;
}

UniqueFd connect_to(const std::string& uri) {
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  uri.substr(5).copy(address.sun_path, sizeof address.sun_path - 1);
  must(::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0,
       "connect");
  return socket;
}

/// Sends the bytes by those connections, and returns the processor time that neither the senders
/// nor the receivers used: the relay's.
double carry(std::vector<UniqueFd> senders, const Listener& listener) {
  std::atomic<double> peers_s{0};
  const double before_s = cpu_s(CLOCK_PROCESS_CPUTIME_ID);
  const auto done = [&peers_s] { peers_s = peers_s + cpu_s(CLOCK_THREAD_CPUTIME_ID); };
  const std::int64_t share = kBytes / static_cast<std::int64_t>(senders.size());
  std::vector<std::jthread> threads;
  for (UniqueFd& one : senders) {
    threads.emplace_back([socket = std::move(one), share, &done] {
      const std::string page(kWrite, 'x');
      for (std::int64_t sent = 0; sent < share;) {
        const ssize_t put = ::send(socket.get(), page.data(), page.size(), 0);
        must(put > 0, "send");
        sent += put;
      }
      done();
    });
  }
  for (std::size_t i = 0; i < senders.size(); ++i) {
    threads.emplace_back([socket = UniqueFd(::accept(listener.fd.get(), nullptr, nullptr)), &done] {
      std::string buffer(kRead, '\0');
      while (::recv(socket.get(), buffer.data(), buffer.size(), 0) > 0) {
      }
      done();
    });
  }
  threads.clear();
  return cpu_s(CLOCK_PROCESS_CPUTIME_ID) - before_s - peers_s;
}

void directly(benchmark::State& state) {
  const Listener listener;
  for (auto _ : state) {
    std::vector<UniqueFd> senders;
    for (int i = 0; i < state.range(0); ++i) senders.push_back(connect_directly(listener.port));
    (void)carry(std::move(senders), listener);
  }
  state.SetBytesProcessed(state.iterations() * kBytes);
}
BENCHMARK(directly)->Arg(1)->Arg(8)->UseRealTime()->Unit(benchmark::kMillisecond);

void relayed_with(benchmark::State& state, const PathOptions& options) {
  const Listener listener;
  RealClock clock;
  const auto relay = Relay::start(clock);
  const auto path = (*relay)->open({"127.0.0.1", listener.port}, options);
  double relay_s = 0;
  for (auto _ : state) {
    std::vector<UniqueFd> senders;
    for (int i = 0; i < state.range(0); ++i) senders.push_back(connect_to((*path)->uri()));
    relay_s += carry(std::move(senders), listener);
  }
  state.SetBytesProcessed(state.iterations() * kBytes);
  state.counters["relay_cpu_s_per_GB"] =
      relay_s / (1e-9 * static_cast<double>(state.iterations() * kBytes));
}

void relayed(benchmark::State& state) {
  relayed_with(state, {});
}
BENCHMARK(relayed)->Arg(1)->Arg(8)->UseRealTime()->Unit(benchmark::kMillisecond);

/// Far below what the host could do: what its timers cost.
void paced(benchmark::State& state) {
  PathOptions options;
  options.rate = 400_MB_per_s;
  relayed_with(state, options);
}
BENCHMARK(paced)->Arg(1)->Arg(8)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace godwit::relay
