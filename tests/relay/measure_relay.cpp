// What the relay is worth on real QEMU: a client's outage in post-copy over a link of 40 MB/s, how
// a rate is kept, what is lost of QEMU's full speed, and how two share a link. Prints tables.
// tools/measure_relay builds and runs it; docs/relay.md keeps what it said.

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <memory>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "godwit/base/clock.h"
#include "godwit/base/statistics.h"
#include "godwit/base/unique_fd.h"
#include "godwit/domain/address.h"
#include "godwit/lab/lab.h"
#include "godwit/probe/ping_probe.h"
#include "godwit/qmp/qmp_client.h"
#include "godwit/relay/relay.h"
#include "qemu_pair.h"

namespace godwit::e2e {
namespace {

using relay::PathOptions;
using relay::Relay;
using relay::RelayedPath;

constexpr const char* kLab = "relayed";
constexpr const char* kGuest = "guest";
constexpr BytesPerSecond kLink{40e6};
constexpr Seconds kPatience{120};
constexpr std::int64_t kNoLimit = 10'000'000'000;

template <class T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().message);
  return std::move(*result);
}
void must(Result<void> result) {
  if (!result) throw std::runtime_error(result.error().message);
}

/// How a migration is sent.
struct Way {
  std::string name;
  bool preempt = false;
  std::int64_t own_limit = kNoLimit;                  ///< QEMU's max-bandwidth
  std::optional<PathOptions> relayed = std::nullopt;  ///< absent: QEMU alone
  bool handed_over = false;  ///< the connection is the relay's own, with a short queue
};

PathOptions paced(double share_of_link, double queue_ms) {
  PathOptions options;
  if (share_of_link > 0) options.rate = kLink * Ratio(share_of_link);
  options.queue = Seconds(queue_ms / 1000);
  return options;
}

/// Those that have `word` in their names.
std::vector<Way> ways(const std::string& word) {
  const auto link = static_cast<std::int64_t>(kLink.value());
  std::vector<Way> all{
      {"QEMU alone", false, link},
      {"QEMU alone, preempt", true, link},
      {"relay", false, kNoLimit, paced(0, 5)},
      {"relay, paced at 97 %", false, kNoLimit, paced(0.97, 5)},
      {"relay, handed over, paced at 97 %", false, kNoLimit, paced(0.97, 5), true},
      {"relay, preempt", true, kNoLimit, paced(0, 5)},
      {"relay, preempt, paced at 97 %", true, kNoLimit, paced(0.97, 5)},
  };
  std::erase_if(all, [&](const Way& way) { return way.name.find(word) == std::string::npos; });
  return all;
}

class Monitor {
 public:
  explicit Monitor(const std::string& path)
      : client_(must(qmp::QmpClient::connect(path, clock_, clock_.now() + kPatience))) {}
  Json ask(const std::string& command, const Json& arguments = Json::object()) {
    return must(client_.execute(command, arguments, clock_.now() + kPatience));
  }
  void give(const std::string& name, int fd) {
    (void)must(
        client_.execute_with_fd("getfd", Json{{"fdname", name}}, fd, clock_.now() + kPatience));
  }
  void await(const std::function<bool(const Json&)>& seen) {
    const TimePoint give_up = clock_.now() + kPatience;
    while (!seen(ask("query-migrate"))) {
      if (clock_.now() > give_up) throw std::runtime_error(ask("query-migrate").dump());
      (void)clock_.wait_until(clock_.now() + Seconds(0.005), {});
    }
  }
  void able(const std::vector<std::string>& capabilities) {
    for (const std::string& one : capabilities) {
      (void)ask("migrate-set-capabilities",
                Json{{"capabilities", {{{"capability", one}, {"state", true}}}}});
    }
  }

 private:
  RealClock clock_;
  qmp::QmpClient client_;
};

bool completed(const Json& status) {
  const std::string word = status.value("status", "");
  if (word == "failed" || word == "postcopy-paused") throw std::runtime_error("it " + word);
  return word == "completed";
}

/// A relay on one of the lab's hosts.
std::unique_ptr<Relay> relay_on(const std::string& host, Clock& clock) {
  const std::string netns = must(lab::find_host(kLab, host)).netns;
  std::unique_ptr<Relay> relay;
  std::thread([&] {
    const UniqueFd space(::open(netns.c_str(), O_RDONLY | O_CLOEXEC));
    if (::setns(space.get(), CLONE_NEWNET) == 0) relay = must(Relay::start(clock));
  }).join();
  if (!relay) throw std::runtime_error("cannot enter " + netns);
  return relay;
}

struct Moved {
  double outage_ms = 0;
  double total_s = 0;
  double sent_MB = 0;
};

/// A guest that goes to and fro between two hosts.
class Traveller {
 public:
  explicit Traveller(const std::string& load) {
    lab::LabSpec spec;
    spec.name = kLab;
    spec.migration_rate = kLink;
    must(lab::down(kLab));
    must(lab::up(spec));
    lab::GuestSpec guest;
    guest.name = kGuest;
    guest.load = load;
    address_ = must(lab::start_guest(kLab, guest)).address;
    must(lab::wait_ready(kLab, kGuest, kPatience));
  }
  ~Traveller() { (void)lab::down(kLab); }
  Traveller(const Traveller&) = delete;
  Traveller& operator=(const Traveller&) = delete;

  /// One pass, then post-copy.
  Moved move(const Way& way) {
    const lab::Instance to = must(lab::prepare_destination(kLab, kGuest, there_));
    Monitor source(must(lab::find_instance(kLab, kGuest, here_)).qmp);
    Monitor destination(to.qmp);
    prepare(way, source, destination);
    (void)destination.ask("migrate-incoming", Json{{"uri", to.stream}});
    std::unique_ptr<Relay> relay;
    std::unique_ptr<RelayedPath> path;
    std::string uri = to.stream;
    if (way.relayed) {
      relay = relay_on(here_, clock_);
      path = must(relay->open(*tcp_address_of(to.stream), *way.relayed));
      uri = way.handed_over ? hand_over(*path, source) : path->uri();
    }
    probe::PingProbe probe({address_, must(lab::status(kLab)).client_netns});
    must(probe.start(kPatience));
    (void)source.ask("migrate", Json{{"uri", uri}});
    source.await([](const Json& status) {
      return status.contains("ram") && status.at("ram").at("dirty-sync-count") >= 2;
    });
    (void)source.ask("migrate-start-postcopy");
    try {
      source.await(completed);
    } catch (const std::exception&) {
      if (path) {
        const relay::PathStats stats = path->stats();
        std::cerr << fmt::format("relay: {} bytes there, {} queued, {} channels\n",
                                 stats.to_destination.count(), stats.queued.count(),
                                 stats.channels);
      }
      throw;
    }
    const Json seen = source.ask("query-migrate");
    const ProbeReport report = must(probe.stop(Seconds(2)));
    must(lab::retire(kLab, kGuest, here_));
    std::swap(here_, there_);
    return {report.outage().count() * 1e3, seen.at("total-time").get<double>() / 1e3,
            seen.at("ram").at("transferred").get<double>() / 1e6};
  }

 private:
  static std::string hand_over(RelayedPath& path, Monitor& source) {
    const UniqueFd end = must(path.connect());
    source.give("stream", end.get());
    return "fd:stream";
  }
  static void prepare(const Way& way, Monitor& source, Monitor& destination) {
    for (Monitor* one : {&source, &destination}) {
      one->able({"postcopy-ram"});
      if (way.preempt) one->able({"postcopy-preempt"});
    }
    (void)source.ask("migrate-set-parameters", Json{{"max-bandwidth", way.own_limit}});
  }

  RealClock clock_;
  std::string address_;
  std::string here_ = "a";
  std::string there_ = "b";
};

std::string in_order(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  std::string text;
  for (const double one : values) text += fmt::format("{}{:.0f}", text.empty() ? "" : " ", one);
  return text;
}

void measure_outage(int repeats, const std::string& word) {
  const std::vector<Way> chosen = ways(word);
  const std::vector<std::string> loads{
      "memory-write,set=16MiB,rate=10MB/s,fill=96MiB",
      "memory-write,set=64MiB,rate=20MB/s,fill=64MiB",
      "memory-write,set=96MiB,rate=30MB/s,pattern=sequential,fill=32MiB",
      "memory-write,set=96MiB,rate=40MB/s,pattern=hot-cold,fill=32MiB",
      "memory-write,set=128MiB,rate=60MB/s,fill=32MiB",
      "memory-read,set=96MiB,rate=100MB/s",
      "memory-heap,set=64MiB,rate=20MB/s,fill=32MiB",
      "memory-write,set=96MiB,rate=full,fill=32MiB",
  };
  std::cout
      << "| load | way | outage, ms | median | total, s | sent, MB |\n|---|---|---|---|---|---|\n";
  for (const std::string& load : loads) {
    Traveller traveller(load);
    std::vector<std::vector<Moved>> seen(chosen.size());
    for (int i = 0; i < repeats; ++i) {  // interleaved
      for (std::size_t way = 0; way < seen.size(); ++way) {
        seen[way].push_back(traveller.move(chosen[way]));
        std::cerr << chosen[way].name << ": " << seen[way].back().outage_ms << " ms\n";
      }
    }
    for (std::size_t way = 0; way < seen.size(); ++way) {
      const auto all = [&](double Moved::*what) {
        std::vector<double> values;
        for (const Moved& one : seen[way]) values.push_back(one.*what);
        return values;
      };
      std::cout << fmt::format(
                       "| {} | {} | {} | {:.0f} | {:.1f} | {:.0f} |\n", load, chosen[way].name,
                       in_order(all(&Moved::outage_ms)), quantile(all(&Moved::outage_ms), 0.5),
                       quantile(all(&Moved::total_s), 0.5), quantile(all(&Moved::sent_MB), 0.5))
                << std::flush;
    }
  }
}

/// Pre-copy between two QEMUs on one host, by one connection or by multifd. `path` is open while
/// QEMU sends.
struct Sent {
  double total_s = 0;
  double sent_MB = 0;
  std::vector<Bytes> grains{};  ///< of the relay, to the end of the first pass
};

PairSetup to_send() {
  PairSetup setup;
  setup.load = "memory-write,set=4MiB,rate=1MB/s,fill=128MiB";
  setup.both = {"-m", "256M"};
  return setup;
}

/// Its destination listens then.
void prepare(QemuPair& pair, int channels, std::int64_t own_limit) {
  for (const Side side : {Side::kSource, Side::kDestination}) {
    if (channels == 1) continue;
    (void)pair.ask(side, "migrate-set-capabilities",
                   Json{{"capabilities", {{{"capability", "multifd"}, {"state", true}}}}});
    (void)pair.ask(side, "migrate-set-parameters", Json{{"multifd-channels", channels}});
  }
  (void)pair.ask(Side::kSource, "migrate-set-parameters", Json{{"max-bandwidth", own_limit}});
  (void)pair.ask(Side::kDestination, "migrate-incoming", Json{{"uri", pair.stream()}});
}

bool passed_once(QemuPair& pair) {
  const Json status = pair.ask(Side::kSource, "query-migrate");
  return completed(status) ||
         (status.contains("ram") && status.at("ram").at("dirty-sync-count") >= 2);
}

void await_end(QemuPair& pair) {
  pair.await("the end", [&] { return completed(pair.ask(Side::kSource, "query-migrate")); });
}

Sent send(int channels, const std::optional<PathOptions>& relayed, std::int64_t own_limit) {
  QemuPair pair(to_send());
  RealClock clock;
  prepare(pair, channels, own_limit);
  std::unique_ptr<Relay> relay;
  std::unique_ptr<RelayedPath> path;
  std::string uri = pair.stream();
  if (relayed) {
    relay = must(Relay::start(clock));
    path = must(relay->open(*tcp_address_of(pair.stream()), *relayed));
    uri = path->uri();
  }
  const TimePoint begin = clock.now();
  (void)pair.ask(Side::kSource, "migrate", Json{{"uri", uri}});
  Sent sent;
  pair.await("the first pass", [&] { return passed_once(pair); });
  if (path) sent.grains = path->throughput(clock.now() - begin);
  await_end(pair);
  const Json seen = pair.ask(Side::kSource, "query-migrate");
  sent.total_s = seen.at("total-time").get<double>() / 1e3;
  sent.sent_MB = seen.at("ram").at("transferred").get<double>() / 1e6;
  return sent;
}

/// Windows of 100 ms from half a second after the first byte on: the first pages are zeros, which
/// QEMU finds more slowly than it sends.
std::vector<double> windows_of(const std::vector<Bytes>& grains, BytesPerSecond rate) {
  std::vector<double> shares;
  auto at = std::find_if(grains.begin(), grains.end(), [](Bytes b) { return b > Bytes(0); });
  at += std::min<std::ptrdiff_t>(50, grains.end() - at);
  for (; at + 10 < grains.end(); at += 10) {
    shares.push_back(std::accumulate(at, at + 10, 0_B) / Seconds(0.1) / rate);
  }
  return shares;
}

void measure_rate(int repeats) {
  std::cout << "| channels | rate | windows of 100 ms | least | 5 % | median | most |\n"
               "|---|---|---|---|---|---|---|\n";
  for (const int channels : {1, 8}) {
    for (const double rate : {20e6, 80e6}) {
      std::vector<double> shares;
      for (int i = 0; i < repeats; ++i) {
        PathOptions options;
        options.rate = BytesPerSecond(rate);
        const auto some = windows_of(send(channels, options, kNoLimit).grains, *options.rate);
        shares.insert(shares.end(), some.begin(), some.end());
      }
      std::cout << fmt::format(
                       "| {} | {:.0f} MB/s | {} | {:.1f} % | {:.1f} % | {:.1f} % | {:.1f} % |\n",
                       channels, rate / 1e6, shares.size(), 100 * quantile(shares, 0),
                       100 * quantile(shares, 0.05), 100 * quantile(shares, 0.5),
                       100 * quantile(shares, 1))
                << std::flush;
    }
  }
}

/// Two migrations at once over one link, with weights 3 and 1: what each got, by the second, for as
/// long as both were in their first pass.
void share_a_link(int channels, std::vector<double>& ratios) {
  QemuPair heavy(to_send());
  QemuPair light(to_send());
  RealClock clock;
  const auto relay = must(Relay::start(clock, kLink));
  PathOptions options;
  options.weight = 3;
  const auto heavy_path = must(relay->open(*tcp_address_of(heavy.stream()), options));
  options.weight = 1;
  const auto light_path = must(relay->open(*tcp_address_of(light.stream()), options));
  prepare(heavy, channels, kNoLimit);
  prepare(light, channels, kNoLimit);
  (void)heavy.ask(Side::kSource, "migrate", Json{{"uri", heavy_path->uri()}});
  (void)light.ask(Side::kSource, "migrate", Json{{"uri", light_path->uri()}});
  const TimePoint begin = clock.now();
  heavy.await("the first pass", [&] { return passed_once(heavy); });
  const Seconds both = clock.now() - begin;
  const std::vector<Bytes> more = heavy_path->throughput(both);
  const std::vector<Bytes> less = light_path->throughput(both);
  await_end(heavy);
  await_end(light);
  // the first second is that of pages of zeros
  for (std::size_t at = 100; at + 100 < std::min(more.size(), less.size()); at += 100) {
    const auto sum = [&](const std::vector<Bytes>& grains) {
      const auto first = grains.begin() + static_cast<std::ptrdiff_t>(at);
      return std::accumulate(first, first + 100, 0_B).as_double();
    };
    if (sum(less) > 0) ratios.push_back(sum(more) / sum(less));
  }
}

void measure_weights(int repeats) {
  std::cout << "| channels of each | seconds | least | median | most |\n|---|---|---|---|---|\n";
  for (const int channels : {1, 4}) {
    std::vector<double> ratios;
    for (int i = 0; i < repeats; ++i) share_a_link(channels, ratios);
    std::cout << fmt::format("| {} | {} | {:.2f} | {:.2f} | {:.2f} |\n", channels, ratios.size(),
                             quantile(ratios, 0), quantile(ratios, 0.5), quantile(ratios, 1))
              << std::flush;
  }
}

void measure_speed(int repeats) {
  std::cout << "| channels | QEMU alone, MB/s | relayed, MB/s | ratio of medians |\n"
               "|---|---|---|---|\n";
  for (const int channels : {1, 4}) {
    std::vector<double> alone;
    std::vector<double> relayed;
    for (int i = 0; i < repeats; ++i) {  // interleaved
      const Sent without = send(channels, std::nullopt, kNoLimit);
      const Sent with = send(channels, PathOptions{}, kNoLimit);
      alone.push_back(without.sent_MB / without.total_s);
      relayed.push_back(with.sent_MB / with.total_s);
    }
    std::cout << fmt::format("| {} | {} | {} | {:.2f} |\n", channels, in_order(alone),
                             in_order(relayed), quantile(relayed, 0.5) / quantile(alone, 0.5))
              << std::flush;
  }
}

int run(const std::string& what, int repeats, const std::string& word) {
  if (what == "outage") {
    measure_outage(repeats, word);
  } else if (what == "rate") {
    measure_rate(repeats);
  } else if (what == "speed") {
    measure_speed(repeats);
  } else if (what == "weights") {
    measure_weights(repeats);
  } else {
    std::cerr << "usage: measure_relay outage|rate|speed|weights [REPEATS [WORD]]\n";
    return 2;
  }
  return 0;
}

}  // namespace
}  // namespace godwit::e2e

int main(int argc, char** argv) {
  try {
    return godwit::e2e::run(argc > 1 ? argv[1] : "", argc > 2 ? std::atoi(argv[2]) : 3,
                            argc > 3 ? argv[3] : "");
  } catch (const std::exception& e) {
    std::cerr << "measure_relay: " << e.what() << "\n";
    return 1;
  }
}
